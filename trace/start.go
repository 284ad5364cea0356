package trace

import (
	"context"
	"slices"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// global finds the tracer of the provider set with otel.SetTracerProvider.
var global tracers

// Start starts a span and returns it with a context that carries it. It is an OpenTelemetry span of
// the provider that made its parent, or else of the global one.
//
// The parent is, in this order: the span in ctx; the live span the running goroutine was started
// under, see [propagate.Current]; none. A span that has ended is not taken from the goroutine: if
// the goroutine has outlived the span it was started under, a new trace begins, with a link to it.
// The same happens under [propagate.Detach]. A span in ctx is somebody's explicit wish and counts
// even if it has ended.
//
// Until End the running goroutine carries the span, and so does every goroutine it starts. If the
// span is sampled, their profiles and crash reports bear the labels trace_id and span_id, beside
// the labels that are there already. End may be called on any goroutine; there it undoes only what
// Start did there. Call it in a defer statement of its own, not inside a closure, if a panic is to
// be recorded.
//
// Start does not fail. Without a provider, or with one that panics, it returns a span that does
// nothing.
func Start(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (out context.Context, sp oteltrace.Span) {
	if ctx == nil {
		ctx = context.Background()
	}
	out, sp = ctx, oteltrace.SpanFromContext(context.Background())
	defer guard("start span")
	p := parentOf(ctx, opts)
	out, s := newSpan(p.ctx, p.tracer(), name, p.outer, p.options(opts))
	if s == nil {
		return ctx, sp
	}
	s.entry = p.entry()
	s.enter(out)
	return out, s
}

// parent is what a new span hangs on.
type parent struct {
	ctx   context.Context // the tracer finds the parent here
	span  oteltrace.Span  // the same; nil if there is none
	outer propagate.Ref   // fallback of goroutines that outlive the new span
	root  bool            // begin a new trace and link it to span, do not nest
}

// parentOf decides under what a span starts. See [Start].
func parentOf(ctx context.Context, opts []oteltrace.SpanStartOption) parent {
	if len(opts) > 0 {
		if cfg := oteltrace.NewSpanStartConfig(opts...); cfg.NewRoot() {
			return parent{ctx: ctx}
		}
	}
	if r, ok := propagate.Detached(ctx); ok {
		return parent{ctx: ctx, span: r.Span(), root: true}
	}
	if sp := oteltrace.SpanFromContext(ctx); sp.SpanContext().IsValid() {
		return parent{ctx: ctx, span: sp, outer: outerOf(ctx, sp)}
	}
	if r := propagate.Current(); !r.IsZero() {
		return parent{ctx: propagate.NewContext(ctx, r), span: r.Span(), outer: r}
	}
	if r, ended := propagate.Origin(); ended {
		return parent{ctx: ctx, span: r.Span(), root: true}
	}
	noteOrphan(opts)
	return parent{ctx: ctx}
}

// noteOrphan counts, in [propagate.Lost], a root that was not asked for and is not where requests
// enter the program: its context may have been lost on the way.
func noteOrphan(opts []oteltrace.SpanStartOption) {
	cfg := oteltrace.NewSpanStartConfig(opts...)
	if kind := cfg.SpanKind(); kind != oteltrace.SpanKindServer && kind != oteltrace.SpanKindConsumer {
		propagate.NoteOrphan()
	}
}

// outerOf returns what outlives a span started under sp, which ctx carries. It must be something
// that is known to end: neither the caller's span on another machine, nor a span of another library
// that does not record and so never says that it has ended.
func outerOf(ctx context.Context, sp oteltrace.Span) propagate.Ref {
	if s, ok := sp.(*span); ok {
		return s.ref
	}
	if r := propagate.FromContext(ctx); sp.IsRecording() || r.Ended() {
		return r
	}
	return propagate.Ref{}
}

// tracer returns the parent's, so that a trace stays with one provider.
func (p parent) tracer() oteltrace.Tracer {
	if s, ok := p.span.(*span); ok {
		return s.tracer
	}
	if p.span != nil && p.span.IsRecording() {
		return tracerOf(p.span.TracerProvider())
	}
	return global.tracer()
}

// entry returns the request that is being served, if the parent belongs to one.
func (p parent) entry() *exchange {
	if s, ok := p.span.(*span); ok && !p.root {
		return s.entry
	}
	return nil
}

func (p parent) options(opts []oteltrace.SpanStartOption) []oteltrace.SpanStartOption {
	if !p.root {
		return opts
	}
	opts = append(slices.Clip(opts), oteltrace.WithNewRoot())
	if origin := p.span.SpanContext(); origin.IsValid() {
		opts = append(opts, oteltrace.WithLinks(oteltrace.Link{SpanContext: origin}))
	}
	return opts
}
