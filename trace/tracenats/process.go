package tracenats

import (
	"context"
	"strings"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/messaging"
)

// ackSubject is how the subjects begin on which JetStream wants its messages acknowledged. They look like
// those of somebody who waits for a reply.
const ackSubject = "$JS.ACK."

// Handler returns a handler for [nats.Conn.Subscribe] and its kin, JetStream's old ones included, that
// runs each message through [Tracer.Process]. NATS has no use for f's error; the span has it.
func (t *Tracer) Handler(f func(context.Context, *nats.Msg) error) nats.MsgHandler {
	return func(m *nats.Msg) { _ = t.Process(context.Background(), m, f) }
}

// Process calls f for a message that has come in, in a span `process` under the one that sent it: a
// server span if the sender waits for a reply, else a consumer's. f's context is derived from ctx, the
// consumer's own. What f returns is recorded and returned; a panic is recorded and goes on. The message is
// counted in messaging.client.consumed.messages.
func (t *Tracer) Process(ctx context.Context, m *nats.Msg, f func(context.Context, *nats.Msg) error) error {
	kind := oteltrace.SpanKindConsumer
	if m.Reply != "" && !strings.HasPrefix(m.Reply, ackSubject) {
		kind = oteltrace.SpanKindServer
	}
	return t.handle(ctx, 1, t.process.Of(t.origin(m)), trace.Request{
		Kind: kind, Headers: received(m.Header), Attributes: describe(m.Subject, m.Header),
	}, func(ctx context.Context) error { return f(ctx, m) })
}

// ProcessBatch calls f for messages that are worked off together, in one span `process` that begins a
// trace and is linked to those who sent them, the first 1024 of them. Otherwise it is as [Tracer.Process].
func (t *Tracer) ProcessBatch(ctx context.Context, ms []*nats.Msg, f func(context.Context, []*nats.Msg) error) error {
	return t.handle(ctx, len(ms), t.process.Of(common(ms, t.origin)), trace.Request{
		Kind:       oteltrace.SpanKindConsumer,
		Batch:      each(ms, func(m *nats.Msg) nats.Header { return m.Header }),
		Attributes: []attribute.KeyValue{semconv.MessagingBatchMessageCount(len(ms))},
	}, func(ctx context.Context) error { return f(ctx, ms) })
}

// handle runs f for n messages in the span that r describes.
func (t *Tracer) handle(ctx context.Context, n int, of *messaging.Of, r trace.Request, f func(context.Context) error) (err error) {
	r.Name, r.Common = of.Name, of.Series
	ctx, p := t.worker.Begin(ctx, r)
	defer p.EndOnPanic()
	t.consumed.Add(ctx, n, of, "")
	err = f(ctx)
	end(p, err)
	return err
}

// origin returns where m comes from.
func (t *Tracer) origin(m *nats.Msg) messaging.Destination {
	pattern, group := "", ""
	if m.Sub != nil {
		pattern, group = m.Sub.Subject, m.Sub.Queue
	}
	if strings.HasPrefix(m.Reply, ackSubject) {
		if meta, err := m.Metadata(); err == nil {
			group = meta.Consumer
		}
	}
	return t.destination(m.Subject, pattern, group)
}

// common returns the destination that all of a batch are from, or none.
func common[M any](ms []M, origin func(M) messaging.Destination) (d messaging.Destination) {
	for i, m := range ms {
		switch o := origin(m); {
		case i == 0:
			d = o
		case o != d:
			return messaging.Destination{}
		}
	}
	return d
}
