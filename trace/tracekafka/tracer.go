package tracekafka

import (
	"errors"
	"net"
	"strconv"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/messaging"
)

// Tracer makes the spans of one Kafka client, and is a hook of it. It is safe for concurrent use.
type Tracer struct {
	// MessageKeys puts the records' keys into messaging.kafka.message.key. They may be personal data,
	// so by default they are not. To be set before the client is made.
	MessageKeys bool

	client, worker *trace.Door
	sent, consumed messaging.Counter
	operations     atomic.Pointer[operations]
}

// operations are what a client does, with what is known of it.
type operations struct {
	send, poll, process *messaging.Operation
	group               string
}

// The hooks that make a Tracer of use to a client.
var (
	_ kgo.HookNewClient               = (*Tracer)(nil)
	_ kgo.HookProduceRecordBuffered   = (*Tracer)(nil)
	_ kgo.HookProduceRecordUnbuffered = (*Tracer)(nil)
)

// New returns a Tracer for a client that is made with [kgo.WithHooks]. Each client needs its own.
func New(opts ...trace.Option) *Tracer {
	t := &Tracer{
		client: trace.NewDoor(messaging.OperationDuration, opts...),
		worker: trace.NewDoor(messaging.ProcessDuration, opts...),
	}
	t.sent, t.consumed = messaging.Sent(t.client.Meter()), messaging.Consumed(t.client.Meter())
	t.operations.Store(newOperations("", nil))
	return t
}

// OnNewClient implements [kgo.HookNewClient]: it learns the client's consumer group and server.
func (t *Tracer) OnNewClient(c *kgo.Client) {
	group, _ := c.OptValue(kgo.ConsumerGroup).(string)
	if group == "" {
		group, _ = c.OptValue(kgo.ShareGroup).(string)
	}
	var server []attribute.KeyValue
	if seeds, ok := c.OptValue(kgo.SeedBrokers).([]string); ok && len(seeds) == 1 {
		server = address(seeds[0])
	}
	t.operations.Store(newOperations(group, server))
}

func newOperations(group string, server []attribute.KeyValue) *operations {
	series := append([]attribute.KeyValue{semconv.MessagingSystemKafka}, server...)
	return &operations{
		send:    messaging.NewOperation("send", semconv.MessagingOperationTypeSend, series...),
		poll:    messaging.NewOperation("poll", semconv.MessagingOperationTypeReceive, series...),
		process: messaging.NewOperation("process", semconv.MessagingOperationTypeProcess, series...),
		group:   group,
	}
}

func (o *operations) polled(topic string) *messaging.Of {
	return o.poll.Of(messaging.Destination{Name: topic, Group: o.group})
}

func (o *operations) processed(topic string) *messaging.Of {
	return o.process.Of(messaging.Destination{Name: topic, Group: o.group})
}

// address is that of the one server that a client was told of.
func address(seed string) []attribute.KeyValue {
	host, port, err := net.SplitHostPort(seed)
	if err != nil {
		return []attribute.KeyValue{semconv.ServerAddress(seed)}
	}
	kvs := []attribute.KeyValue{semconv.ServerAddress(host)}
	if n, err := strconv.Atoi(port); err == nil {
		kvs = append(kvs, semconv.ServerPort(n))
	}
	return kvs
}

func (t *Tracer) ops() *operations { return t.operations.Load() }

// words are error.type for the client's own errors, whose Go type says nothing.
var words = []struct {
	err  error
	word string
}{
	{kgo.ErrRecordTimeout, "timeout"},
	{kgo.ErrRecordRetries, "retries_exhausted"},
	{kgo.ErrMaxBuffered, "max_buffered"},
	{kgo.ErrAborting, "aborted"},
	{kgo.ErrClientClosed, "client_closed"},
}

// end ends p. Kafka's own errors have names, such as NOT_LEADER_FOR_PARTITION.
func end(p *trace.Passage, err error) {
	if err == nil {
		p.End(nil)
		return
	}
	var kafka *kerr.Error
	if errors.As(err, &kafka) {
		p.EndAs(kafka.Message, err.Error())
		return
	}
	for _, w := range words {
		if errors.Is(err, w.err) {
			p.EndAs(w.word, err.Error())
			return
		}
	}
	p.End(err)
}
