// Package setup turns the standard OTEL_* environment variables into running OpenTelemetry providers.
// It is for main packages: it brings the SDK and the exporters in, which package trace does without.
//
//	shutdown, err := setup.Init(ctx)
//	if err != nil {
//		return err
//	}
//	defer func() { err = errors.Join(err, shutdown(context.Background())) }()
//
// What there is a variable for in the OpenTelemetry specification is configured by that, the rest by
// options; there are no variables of our own, and only the value pinpoint, see package trace/pinpoint,
// is a word that the specification does not have. These are read:
//
//	OTEL_SDK_DISABLED                     true: no traces, no metrics; headers are still passed on
//	OTEL_SERVICE_NAME                     service.name
//	OTEL_RESOURCE_ATTRIBUTES              key=value,…
//	OTEL_PROPAGATORS                      tracecontext, baggage (both by default), b3, b3multi, jaeger,
//	                                      pinpoint; or none. W3C's prevail where a request brings more
//	OTEL_TRACES_EXPORTER                  otlp (default), console, none; several with commas
//	OTEL_TRACES_SAMPLER, …_ARG            the six samplers of the specification
//	OTEL_METRICS_EXPORTER                 otlp (default), console, none; several with commas
//	OTEL_METRICS_EXEMPLAR_FILTER          trace_based (default), always_on, always_off
//	OTEL_METRIC_EXPORT_INTERVAL, _TIMEOUT milliseconds
//	OTEL_BSP_*                            the batch of spans: queue, batch, delay, timeout
//	OTEL_SPAN_*_LIMIT, OTEL_ATTRIBUTE_*_LIMIT, OTEL_EVENT_…, OTEL_LINK_…
//	OTEL_EXPORTER_OTLP_PROTOCOL           http/protobuf (default) or grpc
//	OTEL_EXPORTER_OTLP_ENDPOINT, HEADERS, TIMEOUT, COMPRESSION, CERTIFICATE, CLIENT_CERTIFICATE,
//	CLIENT_KEY, INSECURE, and the same with TRACES_ or METRICS_ for one signal
//
// An empty variable counts as unset. A value that cannot be right is an error which names the
// variable and says what would be; the values of headers are never repeated.
package setup
