package tracenats

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/messaging"
)

// JetStream is a [jetstream.JetStream] whose messages are published in spans `send`. Those of consumers go
// through its Handler, Process, Fetch and ProcessBatch. It is safe for concurrent use.
type JetStream struct {
	jetstream.JetStream
	t *Tracer
}

// JetStream returns js with spans. js is one of t's connection.
func (t *Tracer) JetStream(js jetstream.JetStream) *JetStream { return &JetStream{js, t} }

// Publish implements [jetstream.Publisher]. The span lasts until the stream has acknowledged the message.
func (j *JetStream) Publish(ctx context.Context, subject string, payload []byte, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	return j.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: payload}, opts...)
}

// PublishMsg implements [jetstream.Publisher]. The span lasts until the stream has acknowledged the
// message.
func (j *JetStream) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (ack *jetstream.PubAck, err error) {
	err = j.t.sending(ctx, m, func(ctx context.Context, m *nats.Msg) (err error) {
		ack, err = j.JetStream.PublishMsg(ctx, m, opts...)
		return err
	})
	return ack, err
}

// PublishAsync implements [jetstream.Publisher]. See [JetStream.PublishMsgAsync].
func (j *JetStream) PublishAsync(subject string, payload []byte, opts ...jetstream.PublishOpt) (jetstream.PubAckFuture, error) {
	return j.PublishMsgAsync(&nats.Msg{Subject: subject, Data: payload}, opts...)
}

// PublishMsgAsync implements [jetstream.Publisher]. The span's parent is the goroutine's, see
// [trace.Start], and it lasts until the message is on its way: the acknowledgement is the program's to
// wait for.
func (j *JetStream) PublishMsgAsync(m *nats.Msg, opts ...jetstream.PublishOpt) (future jetstream.PubAckFuture, err error) {
	err = j.t.sending(context.Background(), m, func(_ context.Context, m *nats.Msg) (err error) {
		future, err = j.JetStream.PublishMsgAsync(m, opts...)
		return err
	})
	return future, err
}

// Handler returns a handler for a consumer's Consume that runs each message through
// [JetStream.Process]. JetStream has no use for f's error; the span has it.
func (j *JetStream) Handler(f func(context.Context, jetstream.Msg) error) jetstream.MessageHandler {
	return func(m jetstream.Msg) { _ = j.Process(context.Background(), m, f) }
}

// Process calls f for a message of a consumer, in a span `process` under the one that sent it. Otherwise
// it is as [Tracer.Process]. When the message that f is given is acknowledged, refused or given up, that
// is a span under it.
func (j *JetStream) Process(ctx context.Context, m jetstream.Msg, f func(context.Context, jetstream.Msg) error) error {
	return j.t.handle(ctx, 1, j.t.process.Of(j.origin(m)), trace.Request{
		Kind: oteltrace.SpanKindConsumer, Headers: received(m.Headers()), Attributes: describe(m.Subject(), m.Headers()),
	}, func(ctx context.Context) error { return f(ctx, settled{m, ctx, j}) })
}

// ProcessBatch calls f for messages of a consumer that are worked off together, in one span `process`
// that begins a trace and is linked to those who sent them, the first 1024 of them. Otherwise it is as
// [JetStream.Process].
func (j *JetStream) ProcessBatch(ctx context.Context, ms []jetstream.Msg, f func(context.Context, []jetstream.Msg) error) error {
	return j.t.handle(ctx, len(ms), j.t.process.Of(common(ms, j.origin)), trace.Request{
		Kind: oteltrace.SpanKindConsumer, Batch: each(ms, jetstream.Msg.Headers),
		Attributes: []attribute.KeyValue{semconv.MessagingBatchMessageCount(len(ms))},
	}, func(ctx context.Context) error {
		within := make([]jetstream.Msg, len(ms))
		for i, m := range ms {
			within[i] = settled{m, ctx, j}
		}
		return f(ctx, within)
	})
}

// Fetcher is whom messages are fetched from: a [jetstream.Consumer].
type Fetcher interface {
	Fetch(batch int, opts ...jetstream.FetchOpt) (jetstream.MessageBatch, error)
}

// Fetch is from.Fetch with a span `fetch`, from the call until the last message is there, that is linked
// to those who sent the messages. ctx has the span's parent; what ends the waiting is opts. A fetch that
// brought nothing has no span. With an error there may be messages, too.
func (j *JetStream) Fetch(ctx context.Context, from Fetcher, batch int, opts ...jetstream.FetchOpt) (ms []jetstream.Msg, err error) {
	start := time.Now()
	fetched, err := from.Fetch(batch, opts...)
	if err == nil {
		for m := range fetched.Messages() {
			ms = append(ms, m)
		}
		err = fetched.Error()
	}
	if len(ms) == 0 && err == nil {
		return nil, nil
	}
	of := j.t.fetch.Of(common(ms, j.origin))
	_, p := j.t.client.Begin(ctx, trace.Request{
		Name: of.Name, Kind: oteltrace.SpanKindClient, Common: of.Series, Start: start, Unprompted: true,
		Batch:      each(ms, jetstream.Msg.Headers),
		Attributes: []attribute.KeyValue{semconv.MessagingBatchMessageCount(len(ms))},
	})
	end(p, err)
	return ms, err
}

// origin returns where m comes from.
func (j *JetStream) origin(m jetstream.Msg) messaging.Destination {
	consumer := ""
	if meta, err := m.Metadata(); err == nil {
		consumer = meta.Consumer
	}
	return j.t.destination(m.Subject(), "", consumer)
}
