package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/clewhq/clew/internal/peertest/kafkatest"
	"github.com/clewhq/clew/internal/peertest/natstest"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/setup"
	"github.com/clewhq/clew/trace/tracekafka"
	"github.com/clewhq/clew/trace/tracenats"
)

// TestOneTraceThroughBrokers sends an order through a real Kafka, from there through a real NATS, and from
// there to an HTTP server: on the page it must be one call tree.
func TestOneTraceThroughBrokers(t *testing.T) {
	broker, server := kafkatest.Start(t), natstest.Start(t)
	v := startView(t, "127.0.0.1")
	defer v.end(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", v.endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_SERVICE_NAME", "shop")
	shutdown, err := setup.Init(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()

	stock := httptest.NewServer(trace.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer stock.Close()
	conn, err := nats.Connect(server, nats.Timeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	byNATS := tracenats.New(conn)
	handled := make(chan error, 1)
	_, err = conn.Subscribe("paid.*", func(m *nats.Msg) {
		handled <- byNATS.Process(ctx, m, func(ctx context.Context, _ *nats.Msg) error { return ask(ctx, stock.URL) })
	})
	if err != nil {
		t.Fatal(err)
	}
	byKafka := tracekafka.New()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.WithHooks(byKafka), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1),
		kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	octx, order := trace.Start(ctx, "order")
	if err := client.ProduceSync(octx, &kgo.Record{Topic: "orders", Value: []byte("1")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	order.End()
	var records []*kgo.Record
	for len(records) == 0 && ctx.Err() == nil {
		records = client.PollFetches(ctx).Records()
	}
	if len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), ctx.Err())
	}
	err = byKafka.Process(ctx, records[0], func(ctx context.Context, _ *kgo.Record) error { return byNATS.Publish(ctx, "paid.17", nil) })
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-handled:
		if err != nil {
			t.Fatal(err)
		}
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Complete bool
		Tree     []hop
	}
	unmarshal(t, get(t, v.page+"api/v1/traces/"+order.SpanContext().TraceID().String()), &got)
	var tree []hop
	for _, h := range got.Tree {
		tree = append(tree, hop{Depth: h.Depth, Name: h.Name, Kind: h.Kind})
	}
	want := []hop{
		{Depth: 0, Name: "order", Kind: "internal"},
		{Depth: 1, Name: "send orders", Kind: "producer"},
		{Depth: 2, Name: "process orders", Kind: "consumer"},
		{Depth: 3, Name: "send paid.*", Kind: "producer"},
		{Depth: 4, Name: "process paid.*", Kind: "consumer"},
		{Depth: 5, Name: "GET", Kind: "client"},
		{Depth: 6, Name: "GET", Kind: "server"},
	}
	if diff := cmp.Diff(want, tree); diff != "" || !got.Complete {
		t.Errorf("complete %v, call tree (-want +got):\n%s", got.Complete, diff)
	}
}

// ask asks a server for its page.
func ask(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: trace.Transport(&http.Transport{DisableKeepAlives: true})}).Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
