package tracekafka

import (
	"context"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/messaging"
)

// The headers of W3C Trace Context, and how long a traceparent of version 00 is.
const (
	traceparent    = "traceparent"
	tracestate     = "tracestate"
	traceparentLen = 55
)

// sending is a record on its way to the broker. It is the record's context meanwhile, and what
// propagators write its headers through; those of most records have room in it.
//
// The record's own slice of headers is never written to, because programs share one among records. The
// one that takes its place stays when the record is delivered: the client counts the bytes that it has
// buffered by the record's size before and after.
type sending struct {
	context.Context // of the span
	headers
	before  context.Context
	passage *trace.Passage
	of      *messaging.Of
	own     bool // the slice of headers is ours
	state   bool // a tracestate has been set
	text    [traceparentLen]byte
	room    [4]kgo.RecordHeader
}

// sendingKey asks a record's context for the sending.
type sendingKey struct{}

// Value implements [context.Context].
func (s *sending) Value(key any) any {
	if key == any(sendingKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// Set implements propagation.TextMapCarrier. A tracestate that stands there belongs to the traceparent
// that it came with, and goes with it: the record may be one that was consumed and is sent on.
func (s *sending) Set(key, value string) {
	if !s.own {
		s.record.Headers, s.own = append(s.room[:0], s.record.Headers...), true
	}
	stale := func(kv kgo.RecordHeader) bool {
		return kv.Key == key || key == traceparent && kv.Key == tracestate && !s.state
	}
	s.state = s.state || key == tracestate
	into := s.text[:0]
	if key != traceparent || len(value) > len(s.text) {
		into = nil
	}
	s.record.Headers = append(slices.DeleteFunc(s.record.Headers, stale),
		kgo.RecordHeader{Key: key, Value: append(into, value...)})
}

// OnProduceRecordBuffered implements [kgo.HookProduceRecordBuffered]: it starts the record's span.
func (t *Tracer) OnProduceRecordBuffered(r *kgo.Record) {
	s := &sending{headers: headers{r}, before: r.Context, of: t.ops().send.Of(messaging.Destination{Name: r.Topic})}
	s.Context, s.passage = t.client.Begin(r.Context, trace.Request{
		Name: s.of.Name, Kind: oteltrace.SpanKindProducer, Headers: s,
		Common: s.of.Series, Attributes: t.describe(r),
	})
	r.Context = s
}

// OnProduceRecordUnbuffered implements [kgo.HookProduceRecordUnbuffered]: it ends the record's span. The
// record has its own context back when its promise is called, so that it can be produced again.
func (t *Tracer) OnProduceRecordUnbuffered(r *kgo.Record, err error) {
	if r.Context == nil {
		return
	}
	s, ok := r.Context.Value(sendingKey{}).(*sending)
	if !ok {
		return
	}
	if r.Context == context.Context(s) {
		r.Context = s.before
	}
	if err == nil {
		s.passage.SetAttributes(semconv.MessagingDestinationPartitionID(strconv.Itoa(int(r.Partition))),
			semconv.MessagingKafkaOffset(int(r.Offset)))
	}
	end(s.passage, err)
	t.sent.Add(s, 1, s.of, s.passage.ErrorType())
}

// describe returns the attributes of a record by itself.
func (t *Tracer) describe(r *kgo.Record) (kvs []attribute.KeyValue) {
	if t.MessageKeys && r.Key != nil {
		kvs = append(kvs, semconv.MessagingKafkaMessageKey(string(r.Key)))
	}
	if r.Value == nil {
		kvs = append(kvs, semconv.MessagingKafkaMessageTombstone(true))
	}
	return kvs
}
