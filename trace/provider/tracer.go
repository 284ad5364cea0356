package provider

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	rttrace "runtime/trace"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"

	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// Tracer is what [Provider.Tracer] returns, behind OpenTelemetry's interface, and [Provider.Direct]
// without it. It is safe for concurrent use.
type Tracer struct {
	embedded.Tracer
	provider *Provider
	scope    otlp.Enclosure
}

// Start implements [oteltrace.Tracer].
func (t *Tracer) Start(ctx context.Context, name string, options ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	if len(options) == 0 {
		return t.start(ctx, parentIn(ctx), name, &startOptions{}, time.Time{})
	}
	cfg := oteltrace.NewSpanStartConfig(options...)
	o := startOptions{cfg.SpanKind(), cfg.Attributes(), cfg.Links()}
	var parent oteltrace.SpanContext
	if !cfg.NewRoot() {
		parent = parentIn(ctx)
	}
	return t.start(ctx, parent, name, &o, cfg.Timestamp())
}

// parentIn is [oteltrace.SpanContextFromContext], but does not ask our own spans through an interface.
func parentIn(ctx context.Context) oteltrace.SpanContext {
	if spanKey == nil {
		return oteltrace.SpanContextFromContext(ctx)
	}
	switch s := ctx.Value(spanKey).(type) {
	case *Span:
		return s.head.Context
	case oteltrace.Span:
		return s.SpanContext()
	}
	return oteltrace.SpanContext{}
}

func (t *Tracer) start(ctx context.Context, parent oteltrace.SpanContext, name string, o *startOptions, at time.Time) (context.Context, oteltrace.Span) {
	s, sc := t.newSpan(ctx, parent, name, o, at)
	if s == nil {
		p := &passing{parent: ctx, tracer: t, context: sc}
		return p.inContext(), p
	}
	return s.begin(o), s
}

// Begin starts a span as [Tracer.Start] does, at the given time, or now if that is zero. It is for code
// that has found the parent already, in headers for example, and knows that it runs on this provider:
// nothing goes through an interface. The span is nil if it is not recorded; the context carries its
// identity all the same, and the methods of a nil span do nothing.
func (t *Tracer) Begin(ctx context.Context, parent oteltrace.SpanContext, name string, kind oteltrace.SpanKind, at time.Time) (context.Context, *Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	o := startOptions{kind: kind}
	s, sc := t.newSpan(ctx, parent, name, &o, at)
	if s == nil {
		return (&passing{parent: ctx, tracer: t, context: sc}).inContext(), nil
	}
	return s.begin(&o), s
}

// newSpan returns a span, or nil and an identity if it is not to be recorded.
func (t *Tracer) newSpan(ctx context.Context, parent oteltrace.SpanContext, name string, o *startOptions, at time.Time) (*Span, oteltrace.SpanContext) {
	p := t.provider
	id, span := p.newIDs(ctx, parent.TraceID())
	state, decision := parent.TraceState(), sdktrace.Drop
	var more []attribute.KeyValue
	switch {
	case p.sampler.other != nil:
		from := ctx
		if !parent.Equal(parentIn(ctx)) { // a new root, or a parent found elsewhere
			from = oteltrace.ContextWithSpanContext(ctx, parent)
		}
		r := p.sampler.ask(from, id, name, o)
		decision, state, more = r.Decision, r.Tracestate, r.Attributes
	case p.sampler.sample(parent, id):
		decision = sdktrace.RecordAndSample
	}
	flags := parent.TraceFlags() &^ oteltrace.FlagsSampled
	if decision == sdktrace.RecordAndSample {
		flags |= oteltrace.FlagsSampled
	}
	sc := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: id, SpanID: span, TraceFlags: flags, TraceState: state})
	if decision == sdktrace.Drop && p.tail == nil {
		return nil, sc
	}
	if at.IsZero() {
		at = time.Now()
	}
	s := &Span{parent: ctx, tracer: t}
	s.head.Context, s.head.Parent, s.head.RemoteParent = sc, parent.SpanID(), parent.IsRemote()
	s.head.Name, s.head.Kind, s.head.Start = name, uint8(oteltrace.ValidateSpanKind(o.kind)), at
	if sc.IsSampled() || p.tail != nil {
		s.buf = p.buffer()
	}
	s.SetAttributes(more...)
	return s, sc
}

// begin sets what is known at the start, and returns the context that carries the span.
func (s *Span) begin(o *startOptions) context.Context {
	for _, l := range o.links {
		s.AddLink(l)
	}
	if len(o.attributes) > 0 {
		s.SetAttributes(o.attributes...)
	}
	p := s.tracer.provider
	if p.tail != nil && !s.head.Context.IsSampled() {
		p.tail.begin(s)
	}
	if p.atStart != nil {
		p.atStart(s.parent, s)
	}
	if rttrace.IsEnabled() { // an execution trace is being written: a span is a task in it
		var ctx context.Context
		ctx, s.task = rttrace.NewTask(s.context(), s.head.Name)
		return ctx
	}
	return s.context()
}

// newIDs makes a span id, and a trace id unless there is one.
func (p *Provider) newIDs(ctx context.Context, trace oteltrace.TraceID) (oteltrace.TraceID, oteltrace.SpanID) {
	switch {
	case p.ids == nil:
		if !trace.IsValid() {
			trace = newTraceID()
		}
		return trace, newSpanID()
	case trace.IsValid():
		return trace, p.ids.NewSpanID(ctx, trace)
	default:
		return p.ids.NewIDs(ctx)
	}
}

func newSpanID() (id oteltrace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}

func newTraceID() (id oteltrace.TraceID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id
}
