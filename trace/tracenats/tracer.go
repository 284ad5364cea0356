package tracenats

import (
	"errors"
	"net"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/messaging"
)

// Tracer makes the spans of a connection. It is safe for concurrent use.
type Tracer struct {
	// Template returns what a subject is called in the names of spans and in metrics: of low
	// cardinality, such as orders.*.new. nil: as the package's comment says. To be set before use.
	Template func(subject string) string

	conn                          *nats.Conn
	inbox                         string // how the subjects of replies begin
	client, worker                *trace.Door
	sent, consumed                messaging.Counter
	send, request, fetch, process *messaging.Operation
	settle                        map[string]*messaging.Operation
}

// New returns a Tracer for what goes through conn.
func New(conn *nats.Conn, opts ...trace.Option) *Tracer {
	t := &Tracer{
		conn:   conn,
		inbox:  inboxOf(conn),
		client: trace.NewDoor(messaging.OperationDuration, opts...),
		worker: trace.NewDoor(messaging.ProcessDuration, opts...),
		settle: map[string]*messaging.Operation{},
	}
	t.sent, t.consumed = messaging.Sent(t.client.Meter()), messaging.Consumed(t.client.Meter())
	series := append([]attribute.KeyValue{semconv.MessagingSystemKey.String("nats")}, address(conn)...)
	t.send = messaging.NewOperation("send", semconv.MessagingOperationTypeSend, series...)
	t.request = messaging.NewOperation("request", semconv.MessagingOperationTypeSend, series...)
	t.fetch = messaging.NewOperation("fetch", semconv.MessagingOperationTypeReceive, series...)
	t.process = messaging.NewOperation("process", semconv.MessagingOperationTypeProcess, series...)
	for _, name := range []string{"ack", "nack", "term"} {
		t.settle[name] = messaging.NewOperation(name, semconv.MessagingOperationTypeSettle, series...)
	}
	return t
}

// address is that of the server which conn is connected to now.
func address(conn *nats.Conn) []attribute.KeyValue {
	if conn == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(conn.ConnectedAddr())
	if err != nil {
		return nil
	}
	kvs := []attribute.KeyValue{semconv.ServerAddress(host)}
	if n, err := strconv.Atoi(port); err == nil {
		kvs = append(kvs, semconv.ServerPort(n))
	}
	return kvs
}

// describe returns the attributes of a message by itself.
func describe(subject string, h nats.Header) []attribute.KeyValue {
	kvs := []attribute.KeyValue{semconv.MessagingDestinationName(subject)}
	if id := h.Get(nats.MsgIdHdr); id != "" {
		kvs = append(kvs, semconv.MessagingMessageID(id))
	}
	return kvs
}

// words are error.type for the client's own errors, whose Go type says nothing.
var words = []struct {
	err  error
	word string
}{
	{nats.ErrNoResponders, "no_responders"},
	{jetstream.ErrNoStreamResponse, "no_stream"},
	{nats.ErrTimeout, "timeout"},
	{nats.ErrMaxPayload, "max_payload"},
	{nats.ErrConnectionClosed, "connection_closed"},
	{nats.ErrConnectionDraining, "connection_draining"},
	{nats.ErrReconnectBufExceeded, "reconnect_buffer_exceeded"},
	{nats.ErrBadSubject, "bad_subject"},
}

// end ends p. JetStream's own errors have numbers, such as 10059 for a stream that is not there.
func end(p *trace.Passage, err error) {
	if err == nil {
		p.End(nil)
		return
	}
	for _, w := range words {
		if errors.Is(err, w.err) {
			p.EndAs(w.word, err.Error())
			return
		}
	}
	var api jetstream.JetStreamError
	if errors.As(err, &api) && api.APIError() != nil {
		p.EndAs(strconv.Itoa(int(api.APIError().ErrorCode)), err.Error())
		return
	}
	p.End(err)
}
