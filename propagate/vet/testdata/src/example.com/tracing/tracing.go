// Package tracing is somebody's helpers around spans.
package tracing

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

var tracer trace.Tracer

func Begin(ctx context.Context, name string) (context.Context, trace.Span) { // want Begin:`starts span 1`
	return tracer.Start(ctx, "x."+name)
}

func Fail(span trace.Span, err error) { // want Fail:`borrows \[0\]`
	if span.IsRecording() {
		span.RecordError(err)
	}
}

func Finish(span trace.Span) { span.End() }

func Current(ctx context.Context) trace.Span { // want Current:`adopts the context's span`
	return trace.SpanFromContext(ctx)
}

func Release(ctx context.Context) { // want Release:`adopts the context's span`
	span := trace.SpanFromContext(ctx)
	span.End()
}

func Name(ctx context.Context, name string) {
	span := trace.SpanFromContext(ctx)
	span.SetName(name)
}
