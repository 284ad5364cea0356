// Package trace makes OpenTelemetry spans that stay with the work they are for.
//
// [Handler] puts a span around every request of a net/http server, [Transport] around every request
// of a client, [Start] around anything else. They are ordinary OpenTelemetry spans, of whatever
// TracerProvider the program has set, with the names and attributes of semantic conventions 1.43,
// and they mix with spans made by other libraries. What is added is where they travel: a span is in
// the context.Context and, by package propagate, in the goroutine as well, so that work which lost
// its context still finds its parent, work which outlived its parent is linked and not nested, and
// profiles and crash reports name the trace.
//
// The package depends on the OpenTelemetry API only. The SDK and the exporters are in trace/setup,
// which reads the OTEL_* variables; a program that sets its SDK up itself does not need it.
//
// Instrumentation is a guest. Nothing here panics, blocks or alters a response; a provider, a
// propagator or a meter that panics is reported to OpenTelemetry's error handler, and the request
// goes on without it.
package trace
