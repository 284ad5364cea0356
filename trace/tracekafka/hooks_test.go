package tracekafka_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/doortest"
	"github.com/clewhq/clew/trace/tracekafka"
)

// traceparent is one that somebody else has sent, with its trace id.
const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
)

// TestHeaders: the program's headers stay as they are, and a slice it shares among records is not
// written to; those of the trace are there once.
func TestHeaders(t *testing.T) {
	r := newRig(t)
	shared := make([]kgo.RecordHeader, 1, 8)
	shared[0] = kgo.RecordHeader{Key: "user", Value: []byte("me")}
	one, two := &kgo.Record{Topic: "t", Headers: shared}, &kgo.Record{Topic: "t", Headers: shared}
	r.OnProduceRecordBuffered(one)
	r.OnProduceRecordBuffered(two)
	if spare := shared[:8][1]; spare.Key != "" {
		t.Errorf("the program's slice has become %v", shared[:8])
	}
	for _, rec := range []*kgo.Record{one, two} {
		if h := header(rec, "user"); len(h) != 1 || h[0] != "me" || rec.Headers[0].Key != "user" {
			t.Errorf("headers are %v", rec.Headers)
		}
	}
	first := header(one, "traceparent")
	if len(first) != 1 || first[0] == header(two, "traceparent")[0] {
		t.Errorf("traceparents %v and %v", first, header(two, "traceparent"))
	}
	size := len(one.Headers)
	r.OnProduceRecordUnbuffered(one, nil)
	if len(one.Headers) != size || header(one, "traceparent")[0] != first[0] {
		t.Error("the record's headers, and so its size, have changed before its promise")
	}
	r.OnProduceRecordBuffered(one) // once more
	if again := header(one, "traceparent"); len(again) != 1 || again[0] == first[0] {
		t.Errorf("traceparents of a record that is sent again: %v, was %v", again, first)
	}
	r.OnProduceRecordUnbuffered(one, nil)
	r.OnProduceRecordUnbuffered(two, nil)
	if n := len(r.Named("send t")); n != 3 {
		t.Errorf("%d spans, want one each time", n)
	}
}

// TestForwarded: a record that was consumed is sent on under its processing, and without what its first
// sender said of the trace.
func TestForwarded(t *testing.T) {
	r := newRig(t)
	rec := &kgo.Record{Topic: "in", Headers: []kgo.RecordHeader{
		{Key: "traceparent", Value: []byte(traceparent)},
		{Key: "tracestate", Value: []byte("vendor=1")},
		{Key: "a", Value: []byte("1")},
		{Key: "b", Value: []byte("2")},
		{Key: "c", Value: []byte("3")},
	}}
	err := r.Process(bg, rec, func(ctx context.Context, rec *kgo.Record) error {
		rec.Topic, rec.Context = "out", ctx
		r.OnProduceRecordBuffered(rec)
		r.OnProduceRecordUnbuffered(rec, nil)
		if rec.Context != ctx {
			t.Error("the record has not its own context back")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	in, out := r.one(t, "process in"), r.one(t, "send out")
	if in.Parent().TraceID().String() != traceID || !doortest.Under(out, in) {
		t.Errorf("process is under %s, send under %s; want one trace", in.Parent().TraceID(), out.Parent().SpanID())
	}
	want := fmt.Sprintf("00-%s-%s-01", traceID, out.SpanContext().SpanID())
	if diff := cmp.Diff([]string{want}, header(rec, "traceparent")); diff != "" {
		t.Errorf("traceparent (-want +got):\n%s", diff)
	}
	// The trace's own state is handed on by the SDK, from the parent.
	if diff := cmp.Diff([]string{"vendor=1"}, header(rec, "tracestate")); diff != "" {
		t.Errorf("tracestate (-want +got):\n%s", diff)
	}
	rec.Context = nil // sent on by somebody who has no part in the trace
	r.OnProduceRecordBuffered(rec)
	r.OnProduceRecordUnbuffered(rec, nil)
	if got := header(rec, "tracestate"); len(got) != 0 {
		t.Errorf("tracestate of another trace: %v", got)
	}
	if len(rec.Headers) != 4 {
		t.Errorf("headers %v", rec.Headers)
	}
}

func TestSend(t *testing.T) {
	for _, tt := range []struct {
		name      string
		err       error
		errorType string
	}{
		{"delivered", nil, ""},
		{"Kafka's own", fmt.Errorf("produce: %w", kerr.NotLeaderForPartition), "NOT_LEADER_FOR_PARTITION"},
		{"too late", kgo.ErrRecordTimeout, "timeout"},
		{"too many tries", kgo.ErrRecordRetries, "retries_exhausted"},
		{"full", kgo.ErrMaxBuffered, "max_buffered"},
		{"transaction aborted", kgo.ErrAborting, "aborted"},
		{"closed", kgo.ErrClientClosed, "client_closed"},
		{"given up", context.Canceled, "canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.MessageKeys = true
			ctx, outer := r.Span(bg, "request")
			rec := &kgo.Record{Topic: "orders", Context: ctx, Key: []byte("k")}
			r.OnProduceRecordBuffered(rec)
			rec.Partition, rec.Offset = 3, 42
			r.OnProduceRecordUnbuffered(rec, tt.err)
			r.OnProduceRecordUnbuffered(rec, errors.New("once is enough"))
			outer.End()
			s := r.one(t, "send orders")
			want := map[string]any{
				"messaging.system": "kafka", "messaging.operation.name": "send", "messaging.operation.type": "send",
				"messaging.destination.name": "orders", "messaging.kafka.message.key": "k", "messaging.kafka.message.tombstone": true,
			}
			status := codes.Unset
			if tt.err == nil {
				want["messaging.destination.partition.id"], want["messaging.kafka.offset"] = "3", int64(42)
			} else {
				want["error.type"], status = tt.errorType, codes.Error
			}
			if diff := cmp.Diff(want, doortest.Attributes(s)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if s.SpanKind() != oteltrace.SpanKindProducer || s.Status().Code != status || !doortest.Under(s, r.one(t, "request")) {
				t.Errorf("%v span, %v, under %v", s.SpanKind(), s.Status(), s.Parent())
			}
			wantSums := map[string]int{"messaging.client.operation.duration": 1, "messaging.client.sent.messages": 1}
			if diff := cmp.Diff(wantSums, r.Sums(t)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProcess: what a handler does is under the span that sent the record.
func TestProcess(t *testing.T) {
	failed := errors.New("no")
	for _, tt := range []struct {
		name    string
		headers []kgo.RecordHeader
		opts    []trace.Option
		err     error
		parent  string
		links   int
	}{
		{name: "under its sender", headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(traceparent)}}, parent: traceID},
		{name: "the last header counts", parent: traceID, headers: []kgo.RecordHeader{
			{Key: "traceparent", Value: []byte(strings.ReplaceAll(traceparent, "0af", "fff"))}, {Key: "traceparent", Value: []byte(traceparent)},
		}},
		{name: "fails", headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(traceparent)}}, parent: traceID, err: failed},
		{name: "nobody's"},
		{name: "malformed", headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-\xff")}}},
		{name: "null", headers: []kgo.RecordHeader{{Key: "traceparent"}}},
		{name: "enormous", headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte("01" + traceparent[2:] + "-" + strings.Repeat("x", 1<<20))}}},
		{
			name: "a stranger's", headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(traceparent)}},
			opts: []trace.Option{trace.WithLinkedRemote()}, links: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.opts...)
			rec := &kgo.Record{Topic: "orders", Partition: 1, Offset: 7, Headers: tt.headers, Value: []byte("v")}
			err := r.Process(bg, rec, func(ctx context.Context, got *kgo.Record) error {
				if got != rec {
					t.Error("another record")
				}
				if propagate.Ambient() {
					ctx = bg // the goroutine carries the span
				}
				_, s := trace.Start(ctx, "work")
				s.End()
				return tt.err
			})
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			s := r.one(t, "process orders")
			parent := ""
			if s.Parent().IsValid() {
				parent = s.Parent().TraceID().String()
			}
			if parent != tt.parent || len(s.Links()) != tt.links || s.SpanKind() != oteltrace.SpanKindConsumer || !doortest.Under(r.one(t, "work"), s) {
				t.Errorf("%v span under %q with %d links; want under %q with %d", s.SpanKind(), parent, len(s.Links()), tt.parent, tt.links)
			}
			if (s.Status().Code == codes.Error) != (tt.err != nil) {
				t.Errorf("status %v", s.Status())
			}
			if diff := cmp.Diff(map[string]int{"messaging.process.duration": 1}, r.Sums(t)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProcessPanics(t *testing.T) {
	r := newRig(t)
	defer func() {
		if v := recover(); v != "boom" {
			t.Errorf("the panic's value became %v", v)
		}
		if s := r.one(t, "process orders"); s.Status().Code != codes.Error {
			t.Errorf("status %v", s.Status())
		}
	}()
	_ = r.Process(bg, &kgo.Record{Topic: "orders"}, func(context.Context, *kgo.Record) error { panic("boom") })
}

// records are n of a topic, each from a span of its own but for the last, which is nobody's.
func (r rig) records(topic string, n int) (records []*kgo.Record) {
	for range n {
		rec := &kgo.Record{Topic: topic}
		r.OnProduceRecordBuffered(rec)
		r.OnProduceRecordUnbuffered(rec, nil)
		records = append(records, rec)
	}
	return append(records, &kgo.Record{Topic: topic})
}

func TestBatch(t *testing.T) {
	r := newRig(t)
	records := r.records("orders", 3)
	records = append(records, records[0]) // one link a sender
	failed := errors.New("no")
	err := r.ProcessBatch(bg, records, func(_ context.Context, got []*kgo.Record) error {
		if len(got) != len(records) {
			t.Errorf("%d records", len(got))
		}
		return failed
	})
	s := r.one(t, "process orders")
	if !errors.Is(err, failed) || s.Status().Code != codes.Error {
		t.Errorf("error %v, status %v", err, s.Status())
	}
	if diff := cmp.Diff(doortest.IDs(r.Named("send orders")), doortest.Links(s)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if s.Parent().IsValid() || doortest.Attributes(s)["messaging.batch.message_count"] != int64(5) {
		t.Errorf("under %v, %v", s.Parent(), doortest.Attributes(s))
	}
	if err := r.ProcessBatch(bg, append(records, &kgo.Record{Topic: "other"}), func(context.Context, []*kgo.Record) error { return nil }); err != nil {
		t.Error(err)
	}
	if d := doortest.Attributes(r.one(t, "process"))["messaging.destination.name"]; d != nil {
		t.Errorf("a batch of two topics is from %v", d)
	}
}

// poller answers what it is told to.
type poller kgo.Fetches

func (p poller) PollRecords(context.Context, int) kgo.Fetches { return kgo.Fetches(p) }

func fetched(topic string, err error, records ...*kgo.Record) kgo.Fetch {
	return kgo.Fetch{Topics: []kgo.FetchTopic{{Topic: topic, Partitions: []kgo.FetchPartition{{Partition: 5, Records: records, Err: err}}}}}
}

// lost is how much context has been lost so far.
func lost() (n uint64) {
	for site := range propagate.Lost() {
		n += site.Count
	}
	return n
}

func TestPoll(t *testing.T) {
	r := newRig(t)
	a, b := r.records("a", 2), r.records("b", 1)
	for _, tt := range []struct {
		name            string
		fetches         kgo.Fetches
		span, errorType string
		count           int64
		linked          int
		partition       any
	}{
		{name: "nothing", fetches: kgo.Fetches{fetched("a", nil)}},
		{name: "patience over", fetches: kgo.NewErrFetch(context.DeadlineExceeded)},
		{name: "closed", fetches: kgo.NewErrFetch(kgo.ErrClientClosed)},
		{name: "one topic", fetches: kgo.Fetches{fetched("a", nil, a...)}, span: "poll a", count: 3, linked: 2, partition: "5"},
		{name: "two topics", fetches: kgo.Fetches{fetched("a", nil, a...), fetched("b", nil, b...)}, span: "poll", count: 5, linked: 3},
		{name: "fails", fetches: kgo.Fetches{fetched("a", kerr.TopicAuthorizationFailed)}, span: "poll", errorType: "TOPIC_AUTHORIZATION_FAILED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.Spans.Reset()
			before := lost()
			if n := r.PollFetches(bg, poller(tt.fetches)).NumRecords(); int64(n) != tt.count {
				t.Errorf("%d records", n)
			}
			if tt.span == "" {
				if n := len(r.Spans.Ended()); n > 0 {
					t.Errorf("%d spans of nothing", n)
				}
				return
			}
			s := r.one(t, tt.span)
			got := doortest.Attributes(s)
			if got["messaging.batch.message_count"] != tt.count || len(s.Links()) != tt.linked || got["messaging.destination.partition.id"] != tt.partition ||
				(tt.errorType != "") != (got["error.type"] != nil) || tt.errorType != "" && got["error.type"] != tt.errorType {
				t.Errorf("%d links, %v; want %+v", len(s.Links()), got, tt)
			}
			if after := lost(); after != before {
				t.Errorf("a poll that nobody asked for counts as lost context: %d, was %d", after, before)
			}
		})
	}
	if n := r.Sums(t)["messaging.client.consumed.messages"]; n != 8 {
		t.Errorf("%d messages consumed, want 8", n)
	}
}

// TestWithoutSDK: without a provider records pass on what they bring.
func TestWithoutSDK(t *testing.T) {
	r := newRig(t)
	r.Tracer = tracekafka.New()
	rec := &kgo.Record{Topic: "t"}
	r.OnProduceRecordUnbuffered(rec, nil) // buffered before the hook was there
	r.OnProduceRecordBuffered(rec)
	r.OnProduceRecordUnbuffered(rec, nil)
	if rec.Context != nil {
		t.Errorf("the record's context has become %v", rec.Context)
	}
}
