package trace

import (
	"context"
	"net/http"
	"reflect"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// scopeName is the instrumentation scope of every span and metric made here.
const scopeName = "github.com/clewhq/clew/trace"

// Option changes what [Handler] and [Transport] do. The functions of this package that begin with
// With are the only ones.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

type config struct {
	tracers    tracers
	meters     metric.MeterProvider          // nil: the global one
	propagator propagation.TextMapPropagator // nil: the global one
	linked     bool
	maxBaggage int // bytes of the header
	metrics    bool
	filters    []func(*http.Request) bool
	observers  []func(*Served)
}

func newConfig(opts []Option) *config {
	c := &config{metrics: true, maxBaggage: -1}
	for _, o := range opts {
		if o != nil {
			o.apply(c)
		}
	}
	switch {
	case c.maxBaggage >= 0:
	case c.linked:
		c.maxBaggage = maxStrangersBaggage
	default:
		c.maxBaggage = maxBaggage
	}
	return c
}

// WithTracerProvider takes spans from tp instead of the global provider. Spans that [Start] makes
// below a span of tp come from tp as well.
func WithTracerProvider(tp oteltrace.TracerProvider) Option {
	return option(func(c *config) { c.tracers.provider = tp })
}

// WithMeterProvider takes instruments from mp instead of the global provider.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return option(func(c *config) { c.meters = mp })
}

// WithPropagator reads and writes headers with p instead of the global propagator. Without either,
// [Propagator] is used.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return option(func(c *config) { c.propagator = p })
}

// WithLinkedRemote makes [Handler] begin a new trace for each request that brings a trace context,
// with a link to it, instead of continuing the caller's trace. It is for servers that strangers can
// reach: they decide neither our trace ids nor what is sampled, and of baggage they can hand in 512
// bytes unless [WithMaxBaggage] says otherwise. Transport takes no notice of it.
func WithLinkedRemote() Option {
	return option(func(c *config) { c.linked = true })
}

// The bounds of a baggage header, in bytes. W3C Baggage, section 3.3.2, asks for 8192.
const (
	maxBaggage          = 8192
	maxStrangersBaggage = 512
)

// WithMaxBaggage lets [Handler] drop the baggage of a request whose baggage header is longer than n
// bytes; 0 drops all of it. What baggage there is goes on to every service behind this one. Without it
// the bound is 8192 bytes. Transport takes no notice of it.
func WithMaxBaggage(n int) Option {
	return option(func(c *config) { c.maxBaggage = max(0, n) })
}

// WithFilter leaves alone the requests for which keep is false: no span, no metrics, headers neither
// read nor written. Of several filters all must agree. keep runs once a request, concurrently.
func WithFilter(keep func(*http.Request) bool) Option {
	return option(func(c *config) {
		if keep != nil {
			c.filters = append(c.filters, keep)
		}
	})
}

// WithoutMetrics records no metrics.
func WithoutMetrics() Option {
	return option(func(c *config) { c.metrics = false })
}

// wants reports whether all filters take r. A filter that panics is the user's own code on the
// user's own request, so the panic is left to travel.
func (c *config) wants(r *http.Request) bool {
	for _, keep := range c.filters {
		if !keep(r) {
			return false
		}
	}
	return true
}

// inject writes ctx into h, which must not be the caller's; line is room for a traceparent. A
// tracestate that stands there belongs to the traceparent it came with, so it goes when that one is
// replaced.
func (c *config) inject(ctx context.Context, h http.Header, line *traceparentLine) {
	if oteltrace.SpanContextFromContext(ctx).IsValid() {
		delete(h, tracestateHeader)
	}
	p := c.propagation()
	if p == (w3c{}) {
		injectW3C(ctx, h, line)
		return
	}
	p.Inject(ctx, propagation.HeaderCarrier(h))
}

// propagation returns the propagator to use, never nil.
func (c *config) propagation() propagation.TextMapPropagator {
	p := c.propagator
	if p == nil {
		p = otel.GetTextMapPropagator()
	}
	// Compared by type first: a propagator may be of a type that Go cannot compare.
	switch p.(type) {
	case nil, w3c:
		return w3c{}
	}
	if reflect.TypeOf(p) == placeholder && len(p.Fields()) == 0 {
		return w3c{}
	}
	return p
}

// placeholder is the type of what the API answers as long as nobody has set a global propagator. It
// does nothing then; a program that wants nothing sets an empty composite, which is of another type.
// Should another package's init have set one before ours ran, we take it for the placeholder, but
// such a one has fields and is used all the same.
var placeholder = reflect.TypeOf(otel.GetTextMapPropagator())

// tracers finds the tracer of a provider and remembers the last one, because asking a provider
// costs a lock and a map.
type tracers struct {
	provider oteltrace.TracerProvider // nil: the global one
	last     atomic.Pointer[cachedTracer]
}

type cachedTracer struct {
	provider oteltrace.TracerProvider
	tracer   oteltrace.Tracer
	lists    lender
}

func (t *tracers) tracer() oteltrace.Tracer { return t.find().tracer }

func (t *tracers) find() *cachedTracer {
	tp := t.provider
	if tp == nil {
		tp = otel.GetTracerProvider()
	}
	if c := t.last.Load(); c != nil && c.provider == tp {
		return c
	}
	tr := tracerOf(tp)
	c := &cachedTracer{tp, tr, lenderTo(tr)}
	if reflect.ValueOf(tp).Comparable() {
		t.last.Store(c)
	}
	return c
}

func tracerOf(tp oteltrace.TracerProvider) oteltrace.Tracer {
	return tp.Tracer(scopeName, oteltrace.WithSchemaURL(semconv.SchemaURL))
}
