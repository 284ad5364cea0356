package tracenats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// settled is a message that is being processed. What settles it is a span.
type settled struct {
	jetstream.Msg
	ctx context.Context // of its processing
	j   *JetStream
}

// Ack implements [jetstream.Msg].
func (m settled) Ack() error { return m.settle(m.ctx, "ack", ignoring(m.Msg.Ack)) }

// DoubleAck implements [jetstream.Msg].
func (m settled) DoubleAck(ctx context.Context) error { return m.settle(ctx, "ack", m.Msg.DoubleAck) }

// Nak implements [jetstream.Msg].
func (m settled) Nak() error { return m.settle(m.ctx, "nack", ignoring(m.Msg.Nak)) }

// NakWithDelay implements [jetstream.Msg].
func (m settled) NakWithDelay(d time.Duration) error {
	return m.settle(m.ctx, "nack", func(context.Context) error { return m.Msg.NakWithDelay(d) })
}

// Term implements [jetstream.Msg].
func (m settled) Term() error { return m.settle(m.ctx, "term", ignoring(m.Msg.Term)) }

// TermWithReason implements [jetstream.Msg].
func (m settled) TermWithReason(reason string) error {
	return m.settle(m.ctx, "term", func(context.Context) error { return m.Msg.TermWithReason(reason) })
}

func ignoring(f func() error) func(context.Context) error {
	return func(context.Context) error { return f() }
}

func (m settled) settle(ctx context.Context, operation string, do func(context.Context) error) error {
	of := m.j.t.settle[operation].Of(m.j.origin(m.Msg))
	ctx, p := m.j.t.client.Begin(ctx, trace.Request{
		Name: of.Name, Kind: oteltrace.SpanKindClient, Common: of.Series, Attributes: describe(m.Subject(), m.Headers()),
	})
	defer p.EndOnPanic()
	err := do(ctx)
	end(p, err)
	return err
}
