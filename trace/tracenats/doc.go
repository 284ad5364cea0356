// Package tracenats puts spans around what goes through NATS: messages published and handled, requests
// and their replies, JetStream.
//
//	tracer := tracenats.New(conn)
//	err := tracer.Publish(ctx, "orders.new", data) // span `send orders.new`, its context in the headers
//
//	sub, err := conn.QueueSubscribe("orders.*", "billing", tracer.Handler(handle))
//	// span `process orders.*` under the sender's; of a message that wants a reply a server span
//
//	reply, err := tracer.Request(ctx, "rates.eur", nil) // client span, until the reply is there
//
// Messages that come by a channel, by NextMsg or by Fetch go through [Tracer.Process] one by one or
// through [Tracer.ProcessBatch] together; JetStream's through [Tracer.JetStream].
//
// # Headers
//
// NATS tells upper from lower case in the names of headers. The names written here are those of the
// propagator, lower-case as W3C has them and as the OpenTelemetry libraries for NATS in other languages
// write them. What a program in Go wrote by way of net/http's rules, Traceparent, is read as well. The
// message that is published is a copy of the program's: it may publish its own again, or have several
// goroutines do so. A server without headers, or a message that is too long by ours, gets it as it is.
//
// # Subjects
//
// Subjects often hold ids, and must not name spans and metrics then. A subscription's is its own
// pattern. Otherwise a token that is a number, or that is 16 characters or more with a digit among them,
// counts as *; [Tracer.Template] can say better. The subject itself is messaging.destination.name.
//
// The metrics are messaging.client.operation.duration, messaging.client.sent.messages,
// messaging.client.consumed.messages and messaging.process.duration. Conventions: OpenTelemetry's for
// messaging, 1.43, which know nothing particular of NATS.
package tracenats
