package provider

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/clewhq/clew/trace/internal/otelenv"
	"github.com/clewhq/clew/trace/provider/internal/batch"
	"github.com/clewhq/clew/trace/provider/internal/deliver"
	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// Provider is an [oteltrace.TracerProvider] that sends its spans to an OTLP receiver. It is safe for
// concurrent use.
type Provider struct {
	embedded.TracerProvider

	sampler sampler
	ids     sdktrace.IDGenerator // nil: random ones
	limits  sdktrace.SpanLimits
	atStart func(context.Context, oteltrace.Span) // nil: nothing
	tail    *undecided                            // nil: not wanted
	system  string                                // how spans are sent, for metrics

	set      *batch.Set
	buffers  sync.Pool // of *buffer
	nextHome atomic.Uint32

	mu      sync.Mutex
	tracers map[instrumentation.Scope]*Tracer
	closed  bool

	sender sender
}

// New starts a provider. What the OTEL_* variables say that the SDK and its OTLP exporters read applies
// here too; see the package comment. It connects to nothing until there is something to send.
//
// When a variable or an option cannot be right, the error names it, and all such. Who gets no error
// calls [Provider.Shutdown] in the end.
func New(opts ...Option) (*Provider, error) {
	c, err := newConfig(opts)
	e := otelenv.New(c.lookup)
	e.CheckOTLP("")
	e.CheckOTLP(otelenv.Traces)
	limits, batches, target := e.Limits(), e.Batch(), e.OTLP(otelenv.Traces)
	if c.sampler == nil {
		c.sampler = e.Sampler()
	}
	if c.limits != nil {
		limits = *c.limits
	}
	if err = errors.Join(err, e.Err()); err != nil {
		return nil, fmt.Errorf("start tracer provider: %w", err)
	}
	to := deliver.Config{
		GRPC: target.GRPC, Endpoint: target.Endpoint, Headers: target.Headers, TLS: target.TLS,
		Timeout: target.Timeout, Client: c.client,
	}
	if target.Gzip {
		to.Gzip = c.gzip
	}
	client, err := deliver.New(to)
	if err != nil {
		return nil, fmt.Errorf("start tracer provider: %w", err)
	}
	p := &Provider{
		sampler: newSampler(c.sampler), ids: c.ids, limits: limits, atStart: c.atStart,
		system: "otlp_http_span_exporter", tracers: map[instrumentation.Scope]*Tracer{},
	}
	if target.GRPC {
		p.system = "otlp_grpc_span_exporter"
	}
	if c.tail != nil {
		p.tail = newUndecided(*c.tail, c.maxBytes)
	}
	p.set = batch.New(batch.Config{
		Resource: otlp.Resource(c.resource), Shards: min(runtime.GOMAXPROCS(0), maxShards),
		Bytes: c.maxBytes, Spans: batches.Size, Queue: batches.Queue, Wait: c.wait,
	})
	p.buffers.New = func() any {
		return &buffer{b: make([]byte, 0, firstBuffer), shard: p.set.Shard(p.nextHome.Add(1))}
	}
	p.sender.start(p.set, &deliver.Courier{Client: client, Within: batches.Timeout}, batches.Delay)
	return p, nil
}

// maxShards: beyond it the memory that shards hold is worth more than the waiting they spare.
const maxShards = 32

// Tracer implements [oteltrace.TracerProvider]. After [Provider.Shutdown] it returns one that does
// nothing.
func (p *Provider) Tracer(name string, options ...oteltrace.TracerOption) oteltrace.Tracer {
	t := p.Direct(name, options...)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return noop.NewTracerProvider().Tracer(name)
	}
	return t
}

// Direct returns the same tracer without the interface around it, for its [Tracer.Begin].
func (p *Provider) Direct(name string, options ...oteltrace.TracerOption) *Tracer {
	cfg := oteltrace.NewTracerConfig(options...)
	if name == "" {
		name = "go.opentelemetry.io/otel/sdk/tracer" // what the SDK calls it then
	}
	scope := instrumentation.Scope{
		Name: name, Version: cfg.InstrumentationVersion(), SchemaURL: cfg.SchemaURL(), Attributes: cfg.InstrumentationAttributes(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tracers[scope]
	if t == nil {
		t = &Tracer{provider: p, scope: otlp.Scope(scope)}
		p.tracers[scope] = t
	}
	return t
}

func (p *Provider) buffer() *buffer { return p.buffers.Get().(*buffer) }

// pass takes a span that has ended, encoded in buf.
func (p *Provider) pass(s *Span, buf *buffer, end time.Time) {
	if s.head.Context.IsSampled() {
		buf.shard = p.set.Add(buf.shard, &s.tracer.scope, buf.b)
	} else {
		for _, w := range p.tail.ended(s, buf, end) {
			buf.shard = p.set.Add(buf.shard, w.scope, w.encoded)
		}
	}
	if cap(buf.b) <= keptBuffer {
		buf.b = buf.b[:0]
		p.buffers.Put(buf)
	}
}

// ForceFlush sends what has ended so far. It waits until all of it has been tried, or ctx is done, and
// returns an error if some was not delivered.
func (p *Provider) ForceFlush(ctx context.Context) error {
	if err := p.sender.flush(ctx); err != nil {
		return fmt.Errorf("flush spans: %w", err)
	}
	return nil
}

// Shutdown sends what has ended so far, stops, and gives up when ctx is done. Its error counts the
// spans that were not delivered since [New], whatever the reason. Spans that end later are lost. It
// works once; later calls do nothing.
func (p *Provider) Shutdown(ctx context.Context) error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	if again {
		return nil
	}
	if p.tail != nil {
		p.tail.traces.GiveUp()
	}
	err := p.sender.shutdown(ctx)
	s := p.Stats()
	lost := s.Ended - s.Delivered
	if lost == 0 {
		return err
	}
	if s.Dropped > 0 {
		err = errors.Join(err, fmt.Errorf("%d dropped for want of room, see WithMaxBytes and OTEL_BSP_MAX_QUEUE_SIZE", s.Dropped))
	}
	if last := p.sender.lastError(); last != nil {
		err = errors.Join(err, last)
	}
	return fmt.Errorf("%d of %d spans not delivered: %w", lost, s.Ended, err)
}
