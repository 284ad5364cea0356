package tracenats_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/peertest/natstest"
	"github.com/clewhq/clew/trace/internal/doortest"
)

// TestServer runs against a real NATS server.
func TestServer(t *testing.T) {
	url := natstest.Start(t)
	for name, test := range map[string]func(*testing.T, string){
		"publish": testPublish, "request": testRequest, "channel": testChannel, "too long": testTooLong,
		"JetStream": testJetStream, "JetStream's failures": testJetStreamFails, "JetStream's old way": testOldJetStream,
	} {
		t.Run(name, func(t *testing.T) { test(t, url) })
	}
}

// testPublish: what is published and what a queue group does with it is one trace; the program's message
// is its own.
func testPublish(t *testing.T, url string) {
	r := connect(t, url)
	got := make(chan nats.Header, 2)
	sub, err := r.conn.QueueSubscribe("orders.*", "billing", r.Handler(func(_ context.Context, m *nats.Msg) error {
		got <- m.Header
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, request := r.Span(bg, "request")
	m := &nats.Msg{Subject: "orders.new", Header: nats.Header{"user": {"me"}, "tracestate": {"old=1"}, nats.MsgIdHdr: {"17"}}}
	if err := r.PublishMsg(ctx, m); err != nil {
		t.Fatal(err)
	}
	request.End()
	if diff := cmp.Diff(nats.Header{"user": {"me"}, "tracestate": {"old=1"}, nats.MsgIdHdr: {"17"}}, m.Header); diff != "" {
		t.Errorf("the program's headers (-was +are):\n%s", diff)
	}
	in, out := r.one(t, "process orders.*"), r.one(t, "send orders.new")
	if !doortest.Under(in, out) || !doortest.Under(out, r.one(t, "request")) || out.SpanKind() != oteltrace.SpanKindProducer {
		t.Errorf("process is under %v, send under %v", in.Parent(), out.Parent())
	}
	h := <-got
	want := nats.Header{"user": {"me"}, nats.MsgIdHdr: {"17"}, "traceparent": {"00-" + out.SpanContext().TraceID().String() + "-" + out.SpanContext().SpanID().String() + "-01"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("headers that came (-want +got):\n%s", diff)
	}
	host, port := address(t, r.conn)
	wantAttrs := map[string]any{
		"messaging.system": "nats", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"messaging.destination.name": "orders.new", "messaging.destination.template": "orders.*",
		"messaging.consumer.group.name": "billing", "messaging.message.id": "17", "server.address": host, "server.port": port,
	}
	if diff := cmp.Diff(wantAttrs, doortest.Attributes(in)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if sums := r.Sums(t); sums["messaging.client.sent.messages"] != 1 || sums["messaging.client.operation.duration"] != 1 {
		t.Errorf("metrics %v", sums)
	}
}

func testRequest(t *testing.T, url string) {
	r := connect(t, url)
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	sub, err := r.conn.Subscribe("rates.>", r.Handler(func(_ context.Context, m *nats.Msg) error {
		switch m.Subject {
		case "rates.eur":
			return m.Respond([]byte("1.1"))
		case "rates.nonsense": // as package micro answers
			return m.RespondMsg(&nats.Msg{Header: nats.Header{"Nats-Service-Error": {"no such rate"}, "Nats-Service-Error-Code": {"404"}}})
		}
		return errors.New("no answer")
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	reply, err := r.Request(ctx, "rates.eur", nil)
	if err != nil || string(reply.Data) != "1.1" {
		t.Fatalf("reply %v, %v", reply, err)
	}
	client, server := r.one(t, "request rates.eur"), r.one(t, "process rates.>")
	if client.SpanKind() != oteltrace.SpanKindClient || server.SpanKind() != oteltrace.SpanKindServer || !doortest.Under(server, client) {
		t.Errorf("%v span %v, %v span under %v", client.SpanKind(), client.SpanContext().SpanID(), server.SpanKind(), server.Parent())
	}
	if _, err := r.Request(ctx, "rates.nonsense", nil); err != nil {
		t.Error(err)
	}
	if s := r.one(t, "request rates.nonsense"); doortest.Attributes(s)["error.type"] != "404" || s.Status().Description != "no such rate" {
		t.Errorf("%v, %v", doortest.Attributes(s), s.Status())
	}
	if _, err := r.Request(ctx, "nobody", nil); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("error %v", err)
	}
	if s := r.one(t, "request nobody"); doortest.Attributes(s)["error.type"] != "no_responders" || s.Status().Code != codes.Error {
		t.Errorf("%v, %v", doortest.Attributes(s), s.Status())
	}
	//nolint:staticcheck // a nil context is the misuse under test
	if _, err := r.Request(nil, "rates.eur", nil); !errors.Is(err, nats.ErrInvalidContext) {
		t.Errorf("error %v", err)
	}
	if err := r.PublishMsg(ctx, nil); !errors.Is(err, nats.ErrInvalidMsg) {
		t.Errorf("error %v", err)
	}
}

// testChannel: messages that come by a channel or by NextMsg are processed when the program gets to them.
func testChannel(t *testing.T, url string) {
	r := connect(t, url)
	ch := make(chan *nats.Msg, 1)
	byChannel, err := r.conn.ChanSubscribe("ticks", ch)
	if err != nil {
		t.Fatal(err)
	}
	byHand, err := r.conn.SubscribeSync("ticks")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Publish(bg, "ticks", []byte("1")); err != nil {
		t.Fatal(err)
	}
	m, err := byHand.NextMsg(patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*nats.Msg{m, <-ch} {
		if err := r.Process(bg, m, func(context.Context, *nats.Msg) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	for _, s := range r.await(t, "process ticks", 2) {
		if !doortest.Under(s, r.one(t, "send ticks")) {
			t.Errorf("process is under %v", s.Parent())
		}
	}
	_ = byChannel.Unsubscribe()
}

// testTooLong: a message that has room but for our headers goes out without.
func testTooLong(t *testing.T, url string) {
	r := connect(t, url)
	sub, err := r.conn.SubscribeSync("big")
	if err != nil {
		t.Fatal(err)
	}
	limit := int(r.conn.MaxPayload())
	if err := r.Publish(bg, "big", make([]byte, limit)); err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(patience)
	if err != nil || len(m.Data) != limit || len(m.Header) != 0 {
		t.Errorf("%v, headers %v", err, m)
	}
	if s := r.one(t, "send big"); s.Status().Code != codes.Unset {
		t.Errorf("status %v", s.Status())
	}
	r.Spans.Reset()
	if err := r.Publish(bg, "big", make([]byte, limit+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("error %v", err)
	}
	if s := r.one(t, "send big"); doortest.Attributes(s)["error.type"] != "max_payload" {
		t.Errorf("attributes %v", doortest.Attributes(s))
	}
}

// stream makes a stream of a subject with a consumer.
func stream(t *testing.T, r rig, name, subject string) (context.Context, jetstream.JetStream, jetstream.Consumer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(bg, patience)
	t.Cleanup(cancel)
	js, err := jetstream.New(r.conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{subject}, Storage: jetstream.MemoryStorage})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "worker", AckWait: patience})
	if err != nil {
		t.Fatal(err)
	}
	return ctx, js, c
}

func testJetStream(t *testing.T, url string) {
	r := connect(t, url)
	ctx, plain, consumer := stream(t, r, "ORDERS", "js.orders.*")
	js := r.JetStream(plain)
	if _, err := js.Publish(ctx, "js.orders.1", []byte("1"), jetstream.WithMsgID("one")); err != nil {
		t.Fatal(err)
	}
	future, err := js.PublishAsync("js.orders.2", []byte("2"))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-future.Ok():
	case err := <-future.Err():
		t.Fatal(err)
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	got, err := js.Fetch(ctx, consumer, 2, jetstream.FetchMaxWait(patience))
	if err != nil || len(got) != 2 {
		t.Fatalf("fetched %d, %v", len(got), err)
	}
	sent := r.await(t, "send js.orders.*", 2)
	if diff := cmp.Diff(doortest.IDs(sent), doortest.Links(r.one(t, "fetch js.orders.*"))); diff != "" {
		t.Errorf("links of the fetch (-want +got):\n%s", diff)
	}
	err = js.ProcessBatch(ctx, got, func(_ context.Context, ms []jetstream.Msg) error { return ms[1].Nak() })
	if err != nil {
		t.Fatal(err)
	}
	batch := r.one(t, "process js.orders.*")
	if diff := cmp.Diff(doortest.IDs(sent), doortest.Links(batch)); diff != "" || doortest.Attributes(batch)["messaging.consumer.group.name"] != "worker" {
		t.Errorf("%v, links of the batch (-want +got):\n%s", doortest.Attributes(batch), diff)
	}
	if nack := r.one(t, "nack js.orders.*"); !doortest.Under(nack, batch) || doortest.Attributes(nack)["messaging.operation.type"] != "settle" {
		t.Errorf("nack is under %v, %v", nack.Parent(), doortest.Attributes(nack))
	}
	if err := js.Process(ctx, got[0], func(ctx context.Context, m jetstream.Msg) error { return m.DoubleAck(ctx) }); err != nil {
		t.Fatal(err)
	}
	first := r.await(t, "process js.orders.*", 2)[1]
	if !doortest.Under(first, sent[0]) || !doortest.Under(r.one(t, "ack js.orders.*"), first) || doortest.Attributes(first)["messaging.message.id"] != "one" {
		t.Errorf("process is under %v, ack under %v; %v", first.Parent(), r.one(t, "ack js.orders.*").Parent(), doortest.Attributes(first))
	}
	// The other one is delivered again, and what is done with it is in its sender's trace, too.
	again, err := consumer.Consume(js.Handler(func(_ context.Context, m jetstream.Msg) error { return m.TermWithReason("enough") }))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if term, s := r.one(t, "term js.orders.*"), r.await(t, "process js.orders.*", 3)[2]; !doortest.Under(term, s) || !doortest.Under(s, sent[1]) {
		t.Errorf("term is under %v, process under %v", term.Parent(), s.Parent())
	}
}

func testJetStreamFails(t *testing.T, url string) {
	r := connect(t, url)
	ctx, plain, consumer := stream(t, r, "EMPTY", "js.empty")
	js := r.JetStream(plain)
	if ms, err := js.Fetch(ctx, consumer, 1, jetstream.FetchMaxWait(50*time.Millisecond)); err != nil || len(ms) != 0 {
		t.Errorf("fetched %v, %v", ms, err)
	}
	if n := len(r.Spans.Ended()); n > 0 {
		t.Errorf("%d spans of nothing", n)
	}
	if _, err := js.Fetch(ctx, consumer, 1, jetstream.FetchMaxWait(-1)); !errors.Is(err, jetstream.ErrInvalidOption) {
		t.Errorf("error %v", err)
	}
	if s := r.one(t, "fetch"); s.Status().Code != codes.Error {
		t.Errorf("status %v", s.Status())
	}
	if _, err := js.Publish(ctx, "js.nowhere", nil, jetstream.WithRetryAttempts(0)); !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("error %v", err)
	}
	if s := r.one(t, "send js.nowhere"); doortest.Attributes(s)["error.type"] != "no_stream" {
		t.Errorf("attributes %v", doortest.Attributes(s))
	}
	if _, err := js.Publish(ctx, "js.empty", nil, jetstream.WithExpectStream("OTHER")); err == nil {
		t.Error("published to another stream")
	}
	if s := r.one(t, "send js.empty"); doortest.Attributes(s)["error.type"] != "10060" {
		t.Errorf("attributes %v", doortest.Attributes(s))
	}
}

// testOldJetStream: the JetStream of package nats goes through Handler and ProcessBatch.
func testOldJetStream(t *testing.T, url string) {
	r := connect(t, url)
	ctx, plain, _ := stream(t, r, "OLD", "js.old")
	if _, err := r.JetStream(plain).Publish(ctx, "js.old", []byte("1")); err != nil {
		t.Fatal(err)
	}
	old, err := r.conn.JetStream(nats.MaxWait(patience))
	if err != nil {
		t.Fatal(err)
	}
	sub, err := old.PullSubscribe("js.old", "worker", nats.Bind("OLD", "worker"))
	if err != nil {
		t.Fatal(err)
	}
	ms, err := sub.Fetch(1, nats.MaxWait(patience))
	if err != nil {
		t.Fatal(err)
	}
	r.Handler(func(_ context.Context, m *nats.Msg) error { return m.AckSync() })(ms[0])
	s := r.one(t, "process js.old")
	if s.SpanKind() != oteltrace.SpanKindConsumer || !doortest.Under(s, r.one(t, "send js.old")) || s.Status().Code != codes.Unset ||
		doortest.Attributes(s)["messaging.consumer.group.name"] != "worker" {
		t.Errorf("%v span under %v, %v, %v", s.SpanKind(), s.Parent(), s.Status(), doortest.Attributes(s))
	}
}

// TestWithoutHeaders: a server that takes no headers gets the message all the same.
func TestWithoutHeaders(t *testing.T) {
	url := natstest.Start(t, "-c", noHeaders(t))
	r := connect(t, url)
	sub, err := r.conn.SubscribeSync("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Publish(bg, "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if m, err := sub.NextMsg(patience); err != nil || string(m.Data) != "1" {
		t.Errorf("%v, %v", m, err)
	}
	if s := r.one(t, "send a"); s.Status().Code != codes.Unset {
		t.Errorf("status %v", s.Status())
	}
}
