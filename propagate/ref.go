package propagate

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Ref refers to one span. It is one pointer, comparable, cheap to copy and to
// keep; what it keeps of an ended span is under 200 bytes. The zero Ref refers
// to nothing: no context.
type Ref struct{ c *cell }

// New returns a Ref for a span that has just been started under outer. When
// the span ends while a goroutine still carries it, that goroutine falls back
// to outer, or to the first one around it that lives.
//
// Whoever ends the span calls [Ref.End]. A span whose context is invalid (from
// a no-op tracer) gets a Ref too, so that starting and ending stay paired.
func New(span oteltrace.Span, outer Ref) Ref {
	if span == nil {
		span = oteltrace.SpanFromContext(context.Background())
	}
	return Ref{newCell(span, outer.c, 0)}
}

// IsZero reports whether r refers to nothing.
func (r Ref) IsZero() bool { return r.c == nil }

// SpanContext returns the identity of r's span, also after it has ended. It is
// the empty SpanContext for the zero Ref.
func (r Ref) SpanContext() oteltrace.SpanContext {
	if r.c == nil {
		return oteltrace.SpanContext{}
	}
	return r.c.spanContext()
}

// Span returns r's span while it lives. Of an ended span it returns a
// non-recording one with the same SpanContext, and for the zero Ref a no-op
// span, never nil.
func (r Ref) Span() oteltrace.Span {
	if r.c == nil {
		return oteltrace.SpanFromContext(context.Background())
	}
	return r.c.span()
}

// Ended reports whether r's span has ended. The zero Ref has not.
func (r Ref) Ended() bool { return r.c != nil && r.c.isEnded() }

// End marks r's span as ended and lets go of it: r keeps its identity only.
// It may be called on any goroutine and more than once. It does not end the
// span itself.
func (r Ref) End() {
	if r.c != nil {
		r.c.end()
	}
}
