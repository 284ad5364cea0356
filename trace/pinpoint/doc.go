// Package pinpoint lets a Go service take part in the transactions of an estate that is traced by
// Pinpoint (https://pinpoint-apm.github.io), in two ways that go together:
//
//   - [Headers] reads and writes the headers of Pinpoint's agents, Pinpoint-TraceID and its kin, so
//     that a transaction goes on through the service and into the next one that has an agent.
//   - [TraceState] adds the member pp to W3C's tracestate, from which Pinpoint's collector, which
//     takes OTLP, draws the edges of its server map.
//
// Put them behind W3C Trace Context, which prevails where a request brings both:
//
//	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(
//		trace.Propagator(), pinpoint.Headers(app), pinpoint.TraceState(app)))
//
// Package trace/setup does so for OTEL_PROPAGATORS=tracecontext,baggage,pinpoint.
//
// # Ids
//
// A Pinpoint transaction id is a text, agent^start^sequence, that does not fit the 16 bytes of a
// trace id. Its trace id is the beginning of its SHA-256, the same in every process; the text itself
// travels on in tracestate, member clew-pp, and is written again where the trace leaves for Pinpoint.
// A trace that did not begin in Pinpoint gets a text from which its trace id can be read back: the
// agent is "c." and the id in base64url, 24 characters, the most that Pinpoint takes.
//
// Pinpoint's caller decides the span id of the callee, OpenTelemetry's callee its own. [IDGenerator]
// makes the SDK use the id that was decided for it, so that Pinpoint finds the callee under the call.
// Without it the service's spans have the right transaction and the right parent all the same.
//
// The names of the headers and their values are those of Pinpoint 3.1's
// com.navercorp.pinpoint.bootstrap.context.Header and of its Go agent.
package pinpoint
