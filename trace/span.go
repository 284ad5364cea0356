package trace

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/propagate/timeline/mark"
)

// span is the provider's span and what has to be undone when it ends. All but End passes straight
// through to the provider.
type span struct {
	oteltrace.Span
	tracer oteltrace.Tracer // children come from the same one
	ref    propagate.Ref
	scope  propagate.Scope    // zero for spans that do not label their goroutine
	kind   oteltrace.SpanKind // of a request: server or client; else unspecified
	entry  *exchange          // the request being served, nil outside of one
	ended  atomic.Bool
}

// newSpan is [span.start] of a new span, which is nil if there is nothing to record.
func newSpan(ctx context.Context, tr oteltrace.Tracer, name string, outer propagate.Ref, opts []oteltrace.SpanStartOption) (context.Context, *span) {
	s := new(span)
	ctx = s.start(ctx, tr, name, outer, opts)
	if s.Span == nil {
		return ctx, nil
	}
	return ctx, s
}

// start makes s, which is zero, a span of tr, which takes its parent from ctx. outer is what goroutines
// that outlive the span fall back to. Without an SDK s stays zero, and the context is tr's own.
func (s *span) start(ctx context.Context, tr oteltrace.Tracer, name string, outer propagate.Ref, opts []oteltrace.SpanStartOption) context.Context {
	from := ctx
	ctx, inner := tr.Start(ctx, utf8Only(name), opts...)
	if !inner.SpanContext().IsValid() {
		return ctx // without an SDK there is nothing to carry
	}
	if mark.On() {
		markBegin(from, inner.SpanContext(), name)
	}
	s.Span, s.tracer = inner, tr
	s.ref = propagate.New(s, outer)
	return propagate.NewContext(ctx, s.ref)
}

// markBegin tells a running execution trace that a span begins, for package timeline.
func markBegin(from context.Context, sc oteltrace.SpanContext, name string) {
	m := mark.Mark{Kind: mark.Begin, Trace: sc.TraceID(), Span: sc.SpanID(), Name: utf8Only(name)}
	if p := oteltrace.SpanContextFromContext(from); p.TraceID() == sc.TraceID() && !p.IsRemote() {
		m.Parent = p.SpanID()
	}
	m.Write()
}

// enter makes s the context of the running goroutine until End. ctx is the one newSpan returned.
func (s *span) enter(ctx context.Context) { s.scope = propagate.EnterContext(ctx) }

// Ref tells propagate which of its references is this span's, should somebody else put the span
// into a context.
func (s *span) Ref() propagate.Ref { return s.ref }

// End ends the span, on whatever goroutine it is called; from the second call on it does nothing.
// The labels that [Start] replaced come back if End runs on the same goroutine and they are still
// to be replaced.
//
// As with the SDK's spans, a panic that is on its way while `defer span.End()` runs is recorded as
// an exception event and goes on. The goroutine then keeps its labels, so that the crash report
// names the trace.
func (s *span) End(options ...oteltrace.SpanEndOption) {
	if s.ended.Swap(true) {
		return
	}
	if p := recover(); p != nil {
		defer panic(p)
		s.recordPanic(p, options)
		s.finish(options)
		return
	}
	s.finish(options)
	s.scope.TryLeave()
}

// endInPanic is End for who has recovered the panic already, and described it.
func (s *span) endInPanic() {
	if !s.ended.Swap(true) {
		s.finish(nil)
	}
}

func (s *span) finish(options []oteltrace.SpanEndOption) {
	defer s.ref.End()
	defer guard("end span")
	if mark.On() {
		mark.Mark{Kind: mark.End, Span: s.SpanContext().SpanID()}.Write()
	}
	s.Span.End(options...)
}

func (s *span) recordPanic(p any, options []oteltrace.SpanEndOption) {
	defer guard("record panic")
	if !s.IsRecording() {
		return
	}
	typ, message := typeAndMessage(p)
	attrs := []attribute.KeyValue{semconv.ExceptionType(typ), semconv.ExceptionMessage(message)}
	if cfg := oteltrace.NewSpanEndConfig(options...); cfg.StackTrace() {
		attrs = append(attrs, semconv.ExceptionStacktrace(utf8Only(string(debug.Stack()))))
	}
	s.AddEvent(semconv.ExceptionEventName, oteltrace.WithAttributes(attrs...))
	s.SetStatus(codes.Error, "panic: "+message)
}

// typeAndMessage describes an error or the value of a panic. Its methods are the user's, and may
// panic themselves.
func typeAndMessage(v any) (typ, message string) {
	defer guard("describe error")
	typ, message = utf8Only(fmt.Sprintf("%T", v)), utf8Only(fmt.Sprint(v))
	if err, ok := v.(error); ok {
		typ = errorType(err)
	}
	return typ, message
}

// spanOf returns our span in ctx, if the newest span there is ours and lives.
func spanOf(ctx context.Context) *span {
	s, _ := oteltrace.SpanFromContext(ctx).(*span)
	return s
}
