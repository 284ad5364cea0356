package messaging

import (
	"context"
	"fmt"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Counter counts messages. The zero Counter counts none.
type Counter struct{ counter metric.Int64Counter }

// Sent returns the counter of the messages that m's client has sent; m may be nil.
func Sent(m metric.Meter) Counter {
	return newCounter(m, "messaging.client.sent.messages", "Messages that the producer has tried to send.")
}

// Consumed returns the counter of the messages that were delivered to m's program; m may be nil.
func Consumed(m metric.Meter) Counter {
	return newCounter(m, "messaging.client.consumed.messages", "Messages that were delivered to the application.")
}

func newCounter(m metric.Meter, name, description string) (c Counter) {
	defer guard("create metrics")
	if m == nil {
		return c
	}
	made, err := m.Int64Counter(name, metric.WithUnit("{message}"), metric.WithDescription(description))
	if err != nil {
		otel.Handle(err)
		return c
	}
	return Counter{made}
}

// Add counts n messages that of was about. An errorType that is not empty says that it has failed.
func (c Counter) Add(ctx context.Context, n int, of *Of, errorType string) {
	if c.counter == nil {
		return
	}
	defer guard("record metrics")
	if errorType == "" {
		c.counter.Add(ctx, int64(n), of.count...)
		return
	}
	c.counter.Add(ctx, int64(n), metric.WithAttributes(
		append(slices.Clip(of.kvs), semconv.ErrorTypeKey.String(errorType))...))
}

// guard keeps a meter that panics away from the program.
func guard(doing string) {
	if p := recover(); p != nil {
		defer func() { _ = recover() }() // the handler may be the user's
		otel.Handle(fmt.Errorf("%s: telemetry code panicked: %v", doing, p))
	}
}
