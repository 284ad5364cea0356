package tracenats

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/messaging"
)

// What package micro has in the headers of a reply that is an error.
const (
	serviceError     = "Nats-Service-Error"
	serviceErrorCode = "Nats-Service-Error-Code"
)

// maxCode bounds what is believed to be the code of a service's error, in bytes.
const maxCode = 32

// Publish publishes data to subject, as [nats.Conn.Publish] does, in a span `send`.
func (t *Tracer) Publish(ctx context.Context, subject string, data []byte) error {
	return t.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data})
}

// PublishMsg publishes m, as [nats.Conn.PublishMsg] does, in a span `send`.
func (t *Tracer) PublishMsg(ctx context.Context, m *nats.Msg) error {
	return t.sending(ctx, m, func(_ context.Context, m *nats.Msg) error { return t.conn.PublishMsg(m) })
}

// Request sends data to subject and returns the reply, as [nats.Conn.RequestWithContext] does, in a
// client span `request`.
func (t *Tracer) Request(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
	return t.RequestMsg(ctx, &nats.Msg{Subject: subject, Data: data})
}

// RequestMsg sends m and returns the reply, as [nats.Conn.RequestMsgWithContext] does, in a client span
// `request`. The span has failed, too, if the reply is an error of a service made with package micro.
func (t *Tracer) RequestMsg(ctx context.Context, m *nats.Msg) (reply *nats.Msg, err error) {
	send := func(ctx context.Context, m *nats.Msg) (err error) {
		reply, err = t.conn.RequestMsgWithContext(ctx, m)
		return err
	}
	if m == nil || ctx == nil {
		err = send(ctx, m) // which says what is wrong
		return reply, err
	}
	of := t.request.Of(t.destination(m.Subject, "", ""))
	err = t.out(ctx, m, of, oteltrace.SpanKindClient, func(ctx context.Context, m *nats.Msg, p *trace.Passage) error {
		err := send(ctx, m)
		if err == nil {
			if code := reply.Header.Get(serviceErrorCode); code != "" && len(code) <= maxCode {
				p.EndAs(code, reply.Header.Get(serviceError))
			} else if code != "" {
				p.EndAs("_OTHER", reply.Header.Get(serviceError))
			}
		}
		return err
	})
	return reply, err
}

// sending runs publish for a copy of m with a producer's span.
func (t *Tracer) sending(ctx context.Context, m *nats.Msg, publish func(context.Context, *nats.Msg) error) error {
	if m == nil {
		return publish(ctx, m) // which says what is wrong
	}
	of := t.send.Of(t.destination(m.Subject, "", ""))
	return t.out(ctx, m, of, oteltrace.SpanKindProducer, func(ctx context.Context, m *nats.Msg, _ *trace.Passage) error {
		return publish(ctx, m)
	})
}

// out runs send for a copy of m with a span. If the server will not have the span's headers, m goes out
// without.
func (t *Tracer) out(ctx context.Context, m *nats.Msg, of *messaging.Of, kind oteltrace.SpanKind,
	send func(context.Context, *nats.Msg, *trace.Passage) error,
) error {
	traced, headers := copyOf(m)
	ctx, p := t.client.Begin(ctx, trace.Request{
		Name: of.Name, Kind: kind, Headers: headers, Common: of.Series, Attributes: describe(m.Subject, m.Header),
	})
	defer p.EndOnPanic()
	if len(traced.Header) == 0 {
		traced = m // nothing to say
	}
	err := send(ctx, traced, p)
	if errors.Is(err, nats.ErrHeadersNotSupported) || errors.Is(err, nats.ErrMaxPayload) {
		err = send(ctx, m, p)
	}
	end(p, err)
	t.sent.Add(ctx, 1, of, p.ErrorType())
	return err
}
