package tracekafka_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace/tracekafka"
)

// A consumer that sends on what it has worked off: one trace, from whoever sent the record.
func ExampleTracer() {
	tracer := tracekafka.New()
	client, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:9092"), kgo.WithHooks(tracer),
		kgo.ConsumerGroup("billing"), kgo.ConsumeTopics("orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	ctx := context.Background() // in a program one that is cancelled when it is to end
	for ctx.Err() == nil {
		for _, record := range tracer.PollFetches(ctx, client).Records() {
			err := tracer.Process(ctx, record, func(ctx context.Context, order *kgo.Record) error {
				return client.ProduceSync(ctx, &kgo.Record{Topic: "invoices", Value: order.Value}).FirstErr()
			})
			if err != nil {
				fmt.Println(err)
			}
		}
	}
}

// What a handler does is under the span that sent the record.
func ExampleTracer_Process() {
	tracer := tracekafka.New()
	record := &kgo.Record{Topic: "orders", Headers: []kgo.RecordHeader{
		{Key: "traceparent", Value: []byte("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")},
	}}
	err := tracer.Process(context.Background(), record, func(ctx context.Context, _ *kgo.Record) error {
		fmt.Println(oteltrace.SpanContextFromContext(ctx).TraceID())
		return nil
	})
	fmt.Println(err)
	// Output:
	// 0af7651916cd43dd8448eb211c80319c
	// <nil>
}
