package propagate

import (
	"context"

	"go.opentelemetry.io/otel"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// scopeName is the instrumentation scope of the spans and metrics made here.
const scopeName = "github.com/clewhq/clew/propagate"

// startSpan starts a span and a Ref for it, under what ctx carries, or else
// the goroutine. Under an ended origin or a detached ctx it begins a new trace
// that is linked. The context returned carries the Ref. owned is false when
// there is no tracer at work: the Ref is then the parent's, not to be ended.
func startSpan(ctx context.Context, name string) (_ context.Context, span oteltrace.Span, r Ref, owned bool) {
	ctx, origin := capture(ctx)
	var opts []oteltrace.SpanStartOption
	if o, ok := Detached(ctx); ok {
		origin, opts = o, linkedRoot(o)
	} else if _, explicit := carried(ctx); !explicit && origin.c != nil {
		ctx = origin.within(ctx)
		if o, ok := Detached(ctx); ok {
			opts = linkedRoot(o)
		}
	}
	outer := Ref{firstLive(origin.c)}
	ctx, span = tracerOf(outer).Start(ctx, name, opts...)
	if sc := span.SpanContext(); !sc.IsValid() || origin.names(sc) || outer.names(sc) {
		return ctx, span, outer, false
	}
	r = New(span, outer)
	return NewContext(ctx, r), span, r, true
}

func (r Ref) names(sc oteltrace.SpanContext) bool { return r.c != nil && r.c.is(sc) }

func linkedRoot(origin Ref) []oteltrace.SpanStartOption {
	opts := []oteltrace.SpanStartOption{oteltrace.WithNewRoot()}
	if links := Merge(origin); len(links) > 0 {
		opts = append(opts, oteltrace.WithLinks(links...))
	}
	return opts
}

// tracerOf returns a tracer of the provider that r's span comes from, so that
// a span is recorded where its parent is, else of the global one.
func tracerOf(r Ref) oteltrace.Tracer {
	if s := r.Span(); s.IsRecording() {
		if p := s.TracerProvider(); p != nil {
			return p.Tracer(scopeName)
		}
	}
	return otel.Tracer(scopeName)
}
