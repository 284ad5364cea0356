package trace

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// Door starts the spans of requests that come in or go out by a protocol that is not net/http's. The
// packages tracegrpc and traceredis are made of it; for a protocol of your own, so is your middleware.
// It is safe for concurrent use. Of the options it takes the providers, the propagator,
// [WithLinkedRemote] and [WithoutMetrics].
type Door struct {
	cfg      *config
	duration metric.Float64Histogram // nil: not wanted
}

// NewDoor returns a Door that records how long requests took in the histogram of that name, in seconds,
// such as rpc.server.call.duration; with the empty name in none.
func NewDoor(duration string, opts ...Option) *Door {
	d := &Door{cfg: newConfig(opts)}
	if duration != "" && d.cfg.metrics {
		d.duration = newDuration(d.cfg.meters, duration)
	}
	return d
}

func newDuration(mp metric.MeterProvider, name string) (h metric.Float64Histogram) {
	defer guard("create metrics")
	made, err := meterOf(mp).Float64Histogram(name,
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(boundsOf(name)...))
	if err != nil {
		report(err)
		return nil
	}
	return made
}

// boundsOf returns the buckets that the conventions advise for the histogram of that name.
func boundsOf(name string) []float64 {
	if strings.HasPrefix(name, "db.client.") {
		return databaseBounds
	}
	return durationBounds
}

// Meter returns the meter that the door's metrics come from, for more of them, or nil if
// [WithoutMetrics] is among its options.
func (d *Door) Meter() (m metric.Meter) {
	defer guard("create metrics")
	if d.cfg.metrics {
		m = meterOf(d.cfg.meters)
	}
	return m
}

// Request is what a Door has to know of a request at its beginning.
type Request struct {
	// Name is the span's: of low cardinality, a method, not an id.
	Name string
	// Kind of the span. Server and consumer spans come in, all others go out.
	Kind oteltrace.SpanKind
	// Headers are what the caller's context is read from or written to; nil: none.
	Headers propagation.TextMapCarrier
	// Series are attributes of the span and of the metric: of low cardinality, and nothing that a client
	// chooses freely.
	Series []attribute.KeyValue
	// Common is the part of Series that many requests share.
	Common *Series
	// Attributes are the span's alone.
	Attributes []attribute.KeyValue
	// Links are what the span is linked to.
	Links []oteltrace.Link
	// Batch are the headers of the messages that the request handles together, nil for other requests.
	// The span has no one parent among them; it is linked to whoever sent them, each once.
	Batch iter.Seq[propagation.TextMapCarrier]
	// Unprompted is a request that goes out because the program itself has come to it, such as a poll.
	// Without a parent its trace is not counted in [propagate.Lost].
	Unprompted bool
	// Start is when the request began, if that was before Begin; zero: now.
	Start time.Time
}

func (r Request) comesIn() bool {
	return r.Kind == oteltrace.SpanKindServer || r.Kind == oteltrace.SpanKindConsumer
}

// Begin starts the span of r and returns the context to go on with, and a Passage to be ended.
//
// The parent of a request that comes in is the caller named in its headers, or none: never what the
// goroutine carries, which is the server's business. If ctx has a server span of this process already,
// begun by a Door, a Handler or OpenTelemetry's instrumentation, a second one is not begun. The
// goroutine carries the span until [Passage.End].
//
// The parent of a request that goes out is chosen as [Start] does, and its span's context is written to
// the headers.
//
// Begin does not fail. Without a provider, or with one that panics, requests go on without a span.
func (d *Door) Begin(ctx context.Context, r Request) (context.Context, *Passage) {
	if ctx == nil {
		ctx = context.Background()
	}
	p := &Passage{door: d, start: r.Start, ctx: ctx, common: r.Common, series: r.Series}
	if p.start.IsZero() {
		p.start = time.Now()
	}
	if r.comesIn() {
		d.receive(p, r)
	} else {
		d.send(p, r)
	}
	return p.ctx, p
}

func (d *Door) receive(p *Passage, r Request) {
	defer guard("start server span")
	if _, done := served(p.ctx); done && r.Kind == oteltrace.SpanKindServer {
		p.ended.Store(true) // somebody else's to end, and to measure
		return
	}
	ctx := p.ctx
	if r.Headers != nil {
		ctx = d.received(ctx, r.Headers)
	}
	opts := d.options(r)
	switch remote := oteltrace.SpanContextFromContext(ctx); {
	case !remote.IsRemote():
		opts = append(opts, oteltrace.WithNewRoot())
	case d.cfg.linked:
		opts = append(opts, oteltrace.WithNewRoot(), oteltrace.WithLinks(oteltrace.Link{SpanContext: remote}))
	}
	ctx, s := newSpan(ctx, d.cfg.tracers.tracer(), r.Name, propagate.Ref{}, opts)
	p.ctx = ctx
	if s != nil {
		p.span, s.kind = s, r.Kind
		s.enter(ctx)
	}
}

func (d *Door) send(p *Passage, r Request) {
	defer guard("start client span")
	from := parentOf(p.ctx, r.prompt())
	tr := from.tracer
	if d.cfg.tracers.provider != nil {
		tr = d.cfg.tracers.tracer
	}
	ctx, s := newSpan(from.ctx, tr(), r.Name, from.outer, from.options(d.options(r)))
	p.ctx = ctx
	if s != nil {
		p.span, s.kind, s.entry = s, r.Kind, from.entry()
	}
	if r.Headers != nil {
		d.cfg.propagation().Inject(ctx, r.Headers)
	}
}

func (d *Door) options(r Request) []oteltrace.SpanStartOption {
	opts := make([]oteltrace.SpanStartOption, 0, 6)
	opts = append(opts, asKind(r.Kind))
	if r.Common != nil {
		opts = append(opts, r.Common.start)
	}
	if len(r.Series) > 0 {
		opts = append(opts, oteltrace.WithAttributes(repaired(r.Series)...))
	}
	if len(r.Attributes) > 0 {
		opts = append(opts, oteltrace.WithAttributes(repaired(r.Attributes)...))
	}
	if len(r.Links) > 0 {
		opts = append(opts, oteltrace.WithLinks(r.Links...))
	}
	if r.Batch != nil {
		opts = append(opts, oteltrace.WithLinks(d.senders(r.Batch)...))
	}
	if !r.Start.IsZero() {
		opts = append(opts, oteltrace.WithTimestamp(r.Start))
	}
	return opts
}

// repaired returns kvs with U+FFFD where a string is not UTF-8, which OTLP could not carry.
func repaired(kvs []attribute.KeyValue) []attribute.KeyValue {
	for i, kv := range kvs {
		if v := kv.Value; v.Type() == attribute.STRING && utf8Only(v.AsString()) != v.AsString() {
			kvs = slices.Clone(kvs)
			for j := i; j < len(kvs); j++ {
				if v := kvs[j].Value; v.Type() == attribute.STRING {
					kvs[j].Value = attribute.StringValue(utf8Only(v.AsString()))
				}
			}
			return kvs
		}
	}
	return kvs
}

// Passage is a request on its way through a [Door]. It is not for concurrent use, but for End.
type Passage struct {
	door   *Door
	start  time.Time
	ctx    context.Context
	span   *span // nil: nothing to record
	common *Series
	series []attribute.KeyValue
	failed string // error.type
	ended  atomic.Bool
}

// ErrorType returns the error.type that the passage has ended with: empty if it has not failed, or not
// ended yet.
func (p *Passage) ErrorType() string { return p.failed }

// SetAttributes adds attributes that are known later to the span. It does nothing without one.
func (p *Passage) SetAttributes(kvs ...attribute.KeyValue) {
	if p.span != nil {
		defer guard("describe span")
		p.span.SetAttributes(repaired(kvs)...)
	}
}

// AddSeries adds attributes that are known later to the span and to the metric.
func (p *Passage) AddSeries(kvs ...attribute.KeyValue) {
	p.series = append(slices.Clip(p.series), kvs...)
	p.SetAttributes(kvs...)
}

// End ends the passage. A non-nil err is its failure: the span's status is Error with err's words, and
// error.type is added to span and metric. Only the first call counts.
func (p *Passage) End(err error) {
	if err == nil {
		p.end("", "")
		return
	}
	typ, message := typeAndMessage(err)
	p.end(typ, message)
}

// EndAs is End with the error.type and the message given, for protocols that have words of their own
// for failures. An empty errorType is no failure.
func (p *Passage) EndAs(errorType, message string) { p.end(errorType, utf8Only(message)) }

// EndOnPanic ends the passage if a panic is on its way, records that, and lets it go on with the value it
// had. It must be deferred itself, not called by what is.
func (p *Passage) EndOnPanic() {
	v := recover()
	if v == nil {
		return
	}
	defer panic(v)
	if p.span != nil {
		p.span.recordPanic(v, nil)
	}
	typ, message := typeAndMessage(v)
	p.end(typ, "panic: "+message)
}

func (p *Passage) end(errorType, message string) {
	if p.ended.Swap(true) {
		return
	}
	p.failed = utf8Only(errorType)
	if errorType != "" {
		p.AddSeries(semconv.ErrorTypeKey.String(errorType))
		if p.span != nil {
			p.span.SetStatus(codes.Error, message)
		}
	}
	p.measure()
	if p.span != nil {
		p.span.End()
	}
}

func (p *Passage) measure() {
	switch d := p.door; {
	case d.duration == nil:
	case p.common == nil:
		d.Record(p.ctx, p.start, p.series)
	case len(p.series) > 0:
		d.Record(p.ctx, p.start, append(slices.Clip(p.common.attributes), p.series...))
	default:
		defer guard("record metrics")
		d.duration.Record(p.ctx, time.Since(p.start).Seconds(), p.common.record...)
	}
}

// Record measures a request that shall have no span, from start until now.
func (d *Door) Record(ctx context.Context, start time.Time, series []attribute.KeyValue) {
	if d.duration == nil {
		return
	}
	defer guard("record metrics")
	d.duration.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(repaired(series)...))
}
