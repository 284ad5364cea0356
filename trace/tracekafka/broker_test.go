package tracekafka_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/internal/peertest/kafkatest"
	"github.com/clewhq/clew/trace/internal/doortest"
)

// TestBroker runs against a real Kafka.
func TestBroker(t *testing.T) {
	addr := kafkatest.Start(t)
	for name, test := range map[string]func(*testing.T, string){
		"one trace": testOneTrace, "transactions": testTransactions, "consume, transform, produce": testSession,
		"tried again": testRetry, "refused": testRefused,
	} {
		t.Run(name, func(t *testing.T) { test(t, addr) })
	}
}

// dial returns a client with the rig's hooks, and a context for as long as a busy machine may need.
func (r rig) dial(t *testing.T, addr string, opts ...kgo.Opt) (context.Context, *kgo.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, 4*time.Minute)
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr), kgo.WithHooks(r.Tracer), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		cancel()
	})
	return ctx, c
}

// poll polls until there are n records.
func (r rig) poll(ctx context.Context, t *testing.T, c *kgo.Client, n int) (records []*kgo.Record) {
	t.Helper()
	for len(records) < n {
		fetches := r.PollFetches(ctx, c)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%d records of %d, then %v", len(records), n, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func testOneTrace(t *testing.T, addr string) {
	r := newRig(t)
	ctx, c := r.dial(t, addr, kgo.DefaultProduceTopic("orders"), kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("billing"))
	rctx, request := r.Span(ctx, "request")
	shared := []kgo.RecordHeader{{Key: "user", Value: []byte("me")}}
	done := make(chan error, 2)
	promise := func(_ *kgo.Record, err error) { done <- err }
	c.Produce(rctx, &kgo.Record{Value: []byte("1"), Headers: shared}, promise)
	c.TryProduce(rctx, &kgo.Record{Value: []byte("2"), Headers: shared}, promise)
	if err := c.ProduceSync(rctx, &kgo.Record{Value: []byte("3"), Headers: shared}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	request.End()
	records := r.poll(ctx, t, c, 3)
	for _, rec := range records {
		if diff := cmp.Diff([]string{"me"}, header(rec, "user")); diff != "" || len(rec.Headers) != 2 {
			t.Errorf("headers %v", rec.Headers)
		}
		if err := r.Process(ctx, rec, func(context.Context, *kgo.Record) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	err := r.ProcessBatch(ctx, records, func(ctx context.Context, _ []*kgo.Record) error { return c.CommitRecords(ctx, records...) })
	if err != nil {
		t.Fatal(err)
	}
	r.checkOneTrace(t, addr, records)
}

func (r rig) checkOneTrace(t *testing.T, addr string, records []*kgo.Record) {
	t.Helper()
	sent, processed := r.Named("send orders"), r.Named("process orders")
	if len(sent) != 3 || len(processed) != 4 {
		t.Fatalf("%d spans send, %d process; want 3 and 4", len(sent), len(processed))
	}
	byID := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range sent {
		if !doortest.Under(s, r.one(t, "request")) {
			t.Errorf("send is under %v, want the request", s.Parent())
		}
		byID[s.SpanContext().SpanID().String()] = s
	}
	host, port, _ := net.SplitHostPort(addr)
	for i, rec := range records {
		s := processed[i]
		from := byID[s.Parent().SpanID().String()]
		if from == nil {
			t.Errorf("process is under %v, want one of those that sent", s.Parent())
			continue
		}
		got, was := doortest.Attributes(s), doortest.Attributes(from)
		for _, key := range []string{"messaging.kafka.offset", "messaging.destination.partition.id"} {
			if got[key] == nil || got[key] != was[key] {
				t.Errorf("%s is %v to the consumer, %v to the producer", key, got[key], was[key])
			}
		}
		if got["messaging.kafka.offset"] != rec.Offset || got["messaging.consumer.group.name"] != "billing" || was["messaging.consumer.group.name"] != nil ||
			got["server.address"] != host || was["server.port"] == nil || port == "" {
			t.Errorf("attributes %v and %v", got, was)
		}
	}
	if diff := cmp.Diff(doortest.IDs(sent), doortest.Links(processed[3])); diff != "" {
		t.Errorf("links of the batch (-want +got):\n%s", diff)
	}
	polled := 0
	for _, s := range r.Named("poll orders") {
		polled += len(s.Links())
	}
	if polled != 3 {
		t.Errorf("the polls are linked to %d spans, want 3", polled)
	}
	sums := r.Sums(t)
	if sums["messaging.client.sent.messages"] != 3 || sums["messaging.client.consumed.messages"] != 3 || sums["messaging.process.duration"] != 4 {
		t.Errorf("metrics %v", sums)
	}
}

// testTransactions: what an aborted transaction sent has its spans like any other; what is produced
// outside of one has failed.
func testTransactions(t *testing.T, addr string) {
	r := newRig(t)
	ctx, c := r.dial(t, addr, kgo.DefaultProduceTopic("ledger"), kgo.TransactionalID("t"))
	if err := c.ProduceSync(ctx, &kgo.Record{Value: []byte("0")}).FirstErr(); err == nil {
		t.Fatal("produced outside of a transaction")
	}
	if s := r.one(t, "send ledger"); doortest.Attributes(s)["error.type"] == nil {
		t.Errorf("attributes %v", doortest.Attributes(s))
	}
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		r.Spans.Reset()
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := c.ProduceSync(ctx, &kgo.Record{Value: []byte("1")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := c.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
		if s := r.one(t, "send ledger"); doortest.Attributes(s)["error.type"] != nil {
			t.Errorf("attributes %v", doortest.Attributes(s))
		}
	}
}

// testSession: a GroupTransactSession is a Poller, and what it sends on is in the trace.
func testSession(t *testing.T, addr string) {
	r := newRig(t)
	ctx, c := r.dial(t, addr)
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "raw", Value: []byte("1")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	worker := newRig(t)
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(addr), kgo.WithHooks(worker.Tracer), kgo.AllowAutoTopicCreation(),
		kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.TransactionalID("worker"), kgo.ConsumerGroup("worker"), kgo.ConsumeTopics("raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for committed := false; !committed; { // a group that stood still for too long begins again
		worker.Spans.Reset()
		committed = worker.sendOn(ctx, t, s)
	}
	in, out := worker.one(t, "process raw"), worker.one(t, "send cooked")
	if !doortest.Under(in, r.one(t, "send raw")) || !doortest.Under(out, in) {
		t.Errorf("process is under %v, send under %v", in.Parent(), out.Parent())
	}
	if doortest.Attributes(worker.one(t, "poll raw"))["messaging.consumer.group.name"] != "worker" {
		t.Errorf("the poll's attributes are %v", doortest.Attributes(worker.one(t, "poll raw")))
	}
}

// sendOn sends the next record on in a transaction, and reports whether that counts.
func (r rig) sendOn(ctx context.Context, t *testing.T, s *kgo.GroupTransactSession) bool {
	t.Helper()
	var records []*kgo.Record
	for len(records) == 0 {
		fetches := r.PollFetches(ctx, s)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		records = fetches.Records()
	}
	if err := s.Begin(); err != nil {
		t.Fatal(err)
	}
	err := r.Process(ctx, records[0], func(ctx context.Context, rec *kgo.Record) error {
		rec.Topic = "cooked"
		return s.ProduceSync(ctx, rec).FirstErr()
	})
	if err != nil {
		t.Fatal(err)
	}
	committed, err := s.End(ctx, kgo.TryCommit)
	if err != nil {
		t.Fatal(err)
	}
	return committed
}

// cutOnce is a connection that breaks when it is told to, after the next request to produce.
type cutOnce struct {
	net.Conn
	cut *atomic.Bool
}

func (c cutOnce) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	produce := len(b) > 6 && b[4] == 0 && b[5] == 0 // the request's API key
	if err == nil && produce && c.cut.CompareAndSwap(true, false) {
		_ = c.Close() // the answer is lost
	}
	return n, err
}

// testRetry: a record that the client sends twice has one span, and one traceparent.
func testRetry(t *testing.T, addr string) {
	r := newRig(t)
	var cut atomic.Bool
	ctx, c := r.dial(t, addr, kgo.DefaultProduceTopic("twice"), kgo.ConsumeTopics("twice"), kgo.DisableIdempotentWrite(),
		kgo.RequiredAcks(kgo.LeaderAck()), kgo.Dialer(func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return cutOnce{conn, &cut}, err
		}))
	if err := c.ProduceSync(ctx, &kgo.Record{Value: []byte("1")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	cut.Store(true)
	if err := c.ProduceSync(ctx, &kgo.Record{Value: []byte("2")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if cut.Load() {
		t.Error("no connection was cut")
	}
	if n := len(r.Named("send twice")); n != 2 {
		t.Errorf("%d spans for 2 records", n)
	}
	for _, rec := range r.poll(ctx, t, c, 2) {
		if n := len(header(rec, "traceparent")); n != 1 {
			t.Errorf("%d traceparents", n)
		}
	}
}

func testRefused(t *testing.T, addr string) {
	r := newRig(t)
	ctx, c := r.dial(t, addr, kgo.ProducerBatchMaxBytes(4<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	err := c.ProduceSync(ctx, &kgo.Record{Topic: "big", Value: make([]byte, 3<<20)}).FirstErr()
	if err == nil {
		t.Fatal("the broker took 3 MiB")
	}
	if s := r.one(t, "send big"); doortest.Attributes(s)["error.type"] != "MESSAGE_TOO_LARGE" {
		t.Errorf("attributes %v", doortest.Attributes(s))
	}
}
