// Package provider is an OpenTelemetry tracer provider for programs that trace every request: behind
// the unchanged API it costs a fraction of what the official SDK with its OTLP exporter does, and
// delivers the same.
//
//	p, err := provider.New()
//	if err != nil {
//		return err
//	}
//	otel.SetTracerProvider(p)
//	defer func() { err = errors.Join(err, p.Shutdown(context.Background())) }()
//
// With trace/setup it is one option, setup.WithFastProvider. docs/provider.md has the prices, and what
// is not supported.
//
// # How
//
// What is set on a span is encoded in OTLP's wire format at once, into a buffer that goes from span to
// span. At its end the span is copied into the batch of a shard; see internal/batch. Nothing of it
// remains for the garbage collector but one object, which is also the context that carries it.
//
// # Variables
//
// These mean what they mean for the SDK and its OTLP exporters:
//
//	OTEL_TRACES_SAMPLER, …_ARG
//	OTEL_SPAN_*_LIMIT, OTEL_ATTRIBUTE_*_LIMIT, OTEL_EVENT_…, OTEL_LINK_…
//	OTEL_BSP_SCHEDULE_DELAY, …_EXPORT_TIMEOUT, …_MAX_EXPORT_BATCH_SIZE
//	OTEL_BSP_MAX_QUEUE_SIZE               if it is set; memory is bounded by bytes in any case
//	OTEL_EXPORTER_OTLP_PROTOCOL           http/protobuf or grpc
//	OTEL_EXPORTER_OTLP_ENDPOINT, HEADERS, TIMEOUT, COMPRESSION, CERTIFICATE, CLIENT_CERTIFICATE,
//	CLIENT_KEY, INSECURE, and the same with TRACES_
//
// # Span processors
//
// There are none: nobody can read a span, or change it at its end, since nothing but bytes is left of
// it. [WithAtStart] sets attributes at the start, [WithTail] decides at the end.
package provider
