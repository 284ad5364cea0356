package tracekafka

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// Poller is whom records are polled from: a [kgo.Client] or a [kgo.GroupTransactSession].
type Poller interface {
	PollRecords(ctx context.Context, maxPollRecords int) kgo.Fetches
}

// PollFetches is from.PollFetches with a span. See [Tracer.PollRecords].
func (t *Tracer) PollFetches(ctx context.Context, from Poller) kgo.Fetches {
	return t.PollRecords(ctx, from, 0)
}

// PollRecords is from.PollRecords with a span `poll`, from the call to the return, that is linked to
// those who sent the records. The records are counted in messaging.client.consumed.messages. A poll
// that brought nothing has no span.
func (t *Tracer) PollRecords(ctx context.Context, from Poller, maxPollRecords int) kgo.Fetches {
	start := time.Now()
	fetches := from.PollRecords(ctx, maxPollRecords)
	n, topic, partition := t.count(ctx, fetches)
	err := failure(fetches)
	if n == 0 && err == nil {
		return fetches
	}
	of := t.ops().polled(topic)
	r := trace.Request{
		Name: of.Name, Kind: oteltrace.SpanKindClient, Common: of.Series, Start: start, Unprompted: true,
		Attributes: []attribute.KeyValue{semconv.MessagingBatchMessageCount(n)},
		Batch:      each(fetches.Records()),
	}
	if partition != "" {
		r.Attributes = append(r.Attributes, semconv.MessagingDestinationPartitionID(partition))
	}
	_, p := t.client.Begin(ctx, r)
	end(p, err)
	return fetches
}

// count counts what was delivered, and returns how much that is and where all of it is from, if it is
// from one topic, or even one partition.
func (t *Tracer) count(ctx context.Context, fetches kgo.Fetches) (n int, topic, partition string) {
	topics, partitions := 0, 0
	fetches.EachTopic(func(ft kgo.FetchTopic) {
		of := 0
		ft.EachPartition(func(fp kgo.FetchPartition) {
			if len(fp.Records) > 0 {
				of += len(fp.Records)
				partitions++
				partition = strconv.Itoa(int(fp.Partition))
			}
		})
		if of == 0 {
			return
		}
		n += of
		topics++
		topic = ft.Topic
		t.consumed.Add(ctx, of, t.ops().polled(topic), "")
	})
	if topics != 1 {
		topic = ""
	}
	if partitions != 1 {
		partition = ""
	}
	return n, topic, partition
}

// failure returns the first error among fetches. That the caller's patience or the client came to its
// end is none.
func failure(fetches kgo.Fetches) (failed error) {
	fetches.EachError(func(_ string, _ int32, err error) {
		over := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, kgo.ErrClientClosed)
		if failed == nil && !over {
			failed = err
		}
	})
	return failed
}

// Process calls f for a record that was consumed, in a span `process` under the one that sent it. f's
// context is derived from ctx, the consumer's own. What f returns is recorded and returned; a panic is
// recorded and goes on.
func (t *Tracer) Process(ctx context.Context, r *kgo.Record, f func(context.Context, *kgo.Record) error) (err error) {
	of := t.ops().processed(r.Topic)
	ctx, p := t.worker.Begin(ctx, trace.Request{
		Name: of.Name, Kind: oteltrace.SpanKindConsumer, Headers: received{headers{r}}, Common: of.Series,
		Attributes: append(t.describe(r), semconv.MessagingKafkaOffset(int(r.Offset)),
			semconv.MessagingDestinationPartitionID(strconv.Itoa(int(r.Partition)))),
	})
	defer p.EndOnPanic()
	err = f(ctx, r)
	end(p, err)
	return err
}

// ProcessBatch calls f for records that are worked off together, in one span `process` that begins a
// trace and is linked to those who sent the records, the first 1024 of them. Otherwise it is as
// [Tracer.Process].
func (t *Tracer) ProcessBatch(ctx context.Context, rs []*kgo.Record, f func(context.Context, []*kgo.Record) error) (err error) {
	topic := ""
	for i, r := range rs {
		if i > 0 && r.Topic != topic {
			topic = ""
			break
		}
		topic = r.Topic
	}
	of := t.ops().processed(topic)
	ctx, p := t.worker.Begin(ctx, trace.Request{
		Name: of.Name, Kind: oteltrace.SpanKindConsumer, Common: of.Series, Batch: each(rs),
		Attributes: []attribute.KeyValue{semconv.MessagingBatchMessageCount(len(rs))},
	})
	defer p.EndOnPanic()
	err = f(ctx, rs)
	end(p, err)
	return err
}
