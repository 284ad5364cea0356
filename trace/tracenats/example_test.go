package tracenats_test

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace/tracenats"
)

// A service that answers requests, and somebody who asks it.
func ExampleTracer() {
	conn, err := nats.Connect("127.0.0.1:4222")
	if err != nil {
		return // nobody there
	}
	defer conn.Close()
	tracer := tracenats.New(conn)
	_, err = conn.QueueSubscribe("rates.*", "rates", tracer.Handler(func(_ context.Context, m *nats.Msg) error {
		return m.Respond([]byte("1.1"))
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	reply, err := tracer.Request(context.Background(), "rates.eur", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(reply.Data))
}

// JetStream, where the acknowledgement is a span as well.
func ExampleTracer_JetStream() {
	conn, err := nats.Connect("127.0.0.1:4222")
	if err != nil {
		return // nobody there
	}
	defer conn.Close()
	plain, err := jetstream.New(conn)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	js := tracenats.New(conn).JetStream(plain)
	if _, err := js.Publish(ctx, "orders.new", []byte("one")); err != nil {
		fmt.Println(err)
		return
	}
	orders, err := js.Consumer(ctx, "ORDERS", "billing")
	if err != nil {
		fmt.Println(err)
		return
	}
	consuming, err := orders.Consume(js.Handler(func(_ context.Context, m jetstream.Msg) error { return m.Ack() }))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer consuming.Stop()
}

// What a handler does is under the span that sent the message.
func ExampleTracer_Process() {
	tracer := tracenats.New(nil)
	m := &nats.Msg{Subject: "orders", Header: nats.Header{"traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}
	err := tracer.Process(context.Background(), m, func(ctx context.Context, _ *nats.Msg) error {
		fmt.Println(oteltrace.SpanContextFromContext(ctx).TraceID())
		return nil
	})
	fmt.Println(err)
	// Output:
	// 0af7651916cd43dd8448eb211c80319c
	// <nil>
}
