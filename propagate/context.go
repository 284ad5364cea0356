package propagate

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// refKey asks a context for the nearest *refCtx or *detachedCtx.
type refKey struct{}

// refCtx is a context that carries a cell in the three shapes it is asked for:
// ours, OpenTelemetry's current span, and runtime/pprof's labels. It is the
// only allocation NewContext makes.
type refCtx struct {
	context.Context
	c *cell
}

func (x *refCtx) Value(key any) any {
	switch {
	case key == any(refKey{}):
		return x
	case key == otelKey:
		return x.c.span()
	case key == pprofKey:
		return labelsIn(x.Context, x.c)
	}
	return x.Context.Value(key)
}

// NewContext returns a context that carries r, or ctx itself if r is zero. In
// it OpenTelemetry's trace.SpanFromContext answers r's span, and runtime/pprof
// finds r's labels among those ctx has, so that a user's pprof.Do keeps them.
func NewContext(ctx context.Context, r Ref) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	if r.c == nil {
		return ctx
	}
	if !keysKnown {
		ctx = oteltrace.ContextWithSpan(ctx, r.c.span())
	}
	return &refCtx{ctx, r.c}
}

// FromContext returns the context to work under: the span that ctx carries,
// whoever put it there and even when it has ended; else the goroutine's
// [Current] one; else zero. Under a [Detach]ed ctx it is zero.
//
// A span put into ctx by other means than NewContext gets a Ref of its own. If
// the span has a method Ref() Ref, that is asked first.
func FromContext(ctx context.Context) Ref {
	if ctx == nil {
		return Current()
	}
	if r, ok := carried(ctx); ok {
		return r
	}
	return Current()
}

// carried returns what ctx says of the context, and whether it says anything.
func carried(ctx context.Context) (Ref, bool) {
	if x, ok := ctx.(*refCtx); ok { // nobody can have put a span in between
		return Ref{x.c}, true
	}
	var (
		inner    *cell
		detached bool
	)
	switch x := ctx.Value(refKey{}).(type) {
	case *refCtx:
		inner = x.c
	case *detachedCtx:
		detached = true
	}
	span := spanIn(ctx)
	if span == nil {
		return Ref{inner}, inner != nil || detached
	}
	sc := span.SpanContext()
	switch {
	case inner != nil && inner.is(sc):
		return Ref{inner}, true
	case sc.IsValid():
		return adopt(span, sc, inner), true
	}
	return Ref{inner}, inner != nil || detached
}

// spanIn is OpenTelemetry's SpanFromContext, but nil where there is none.
func spanIn(ctx context.Context) oteltrace.Span {
	if !keysKnown {
		return oteltrace.SpanFromContext(ctx)
	}
	span, _ := ctx.Value(otelKey).(oteltrace.Span)
	return span
}

// adopt finds or makes a Ref for a span that came in a context of others.
func adopt(span oteltrace.Span, sc oteltrace.SpanContext, outer *cell) Ref {
	if s, ok := span.(interface{ Ref() Ref }); ok {
		if r := s.Ref(); !r.IsZero() {
			return r
		}
	}
	if c := ambientCell(); c != nil && c.is(sc) {
		return Ref{c}
	}
	return Ref{newForeign(span, outer)}
}
