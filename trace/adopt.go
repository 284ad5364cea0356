package trace

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// otelhttpScope is the tracer that OpenTelemetry's instrumentation of net/http asks for.
const otelhttpScope = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

// TracerProvider returns the provider that made the span. To otelhttp it is one that makes no second
// span for the same request: otelhttp asks the span it finds in the request's context for it, unless
// it has been given another provider.
func (s *span) TracerProvider() oteltrace.TracerProvider {
	tp := s.Span.TracerProvider()
	if s.kind == oteltrace.SpanKindServer || s.kind == oteltrace.SpanKindClient {
		return adoptingProvider{tp, s}
	}
	return tp
}

type adoptingProvider struct {
	oteltrace.TracerProvider
	s *span
}

// Tracer implements [oteltrace.TracerProvider].
func (p adoptingProvider) Tracer(name string, opts ...oteltrace.TracerOption) oteltrace.Tracer {
	t := p.TracerProvider.Tracer(name, opts...)
	if name == otelhttpScope {
		return adoptingTracer{t, p.s}
	}
	return t
}

type adoptingTracer struct {
	oteltrace.Tracer
	s *span
}

// Start implements [oteltrace.Tracer]. A span of the kind that we have started is that span: ctx goes
// on with it, and what otelhttp has to say of it (a URL that is not redacted, among others) is said
// already.
func (t adoptingTracer) Start(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	if cfg := oteltrace.NewSpanStartConfig(opts...); cfg.SpanKind() != t.s.kind || t.s.ended.Load() {
		return t.Tracer.Start(ctx, name, opts...)
	}
	mute := oteltrace.SpanFromContext(context.Background())
	return propagate.NewContext(ctx, t.s.ref), adoptedSpan{mute, t.s}
}

// adoptedSpan is for otelhttp alone. It does nothing, least of all end.
type adoptedSpan struct {
	oteltrace.Span
	s *span
}

// SpanContext implements [oteltrace.Span].
func (a adoptedSpan) SpanContext() oteltrace.SpanContext { return a.s.SpanContext() }

// TracerProvider implements [oteltrace.Span].
func (a adoptedSpan) TracerProvider() oteltrace.TracerProvider { return a.s.TracerProvider() }
