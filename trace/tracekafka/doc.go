// Package tracekafka puts spans around what franz-go sends to Kafka and consumes from it.
//
//	tracer := tracekafka.New()
//	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.WithHooks(tracer))
//	client.Produce(ctx, record, nil) // span `send orders`, its context in the record's headers
//
//	for _, r := range tracer.PollFetches(ctx, client).Records() { // span `poll orders`
//		err := tracer.Process(ctx, r, handle) // span `process orders`, under the sender's
//	}
//
// Every record that is produced has a span from Produce to the broker's answer, however often the client
// tries, be it by Produce, ProduceSync or TryProduce, in a transaction or not. Its parent is the span in
// the record's Context, which is Produce's unless the record has brought one, else the goroutine's.
//
// Keys, values and the program's headers are data: of those only the key is recorded, if
// [Tracer.MessageKeys] says so, and none is changed. A record that is sent keeps the headers of its
// trace; when it is sent again, or one that was consumed is sent on, they are replaced.
//
// The metrics are messaging.client.operation.duration, messaging.client.sent.messages,
// messaging.client.consumed.messages and messaging.process.duration, by topic, not by partition.
// Conventions: OpenTelemetry's for messaging and for Kafka, 1.43. They have no name for how long a record
// lay in the topic; it is the time between the end of `send` and the start of `process`.
package tracekafka
