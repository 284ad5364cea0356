package tracekafka_test

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/tracekafka"
)

// providers are who makes the spans: nobody, the SDK for a trace that is not sampled, and for one that is.
var providers = map[string]oteltrace.TracerProvider{
	"no SDK":      nooptrace.NewTracerProvider(),
	"not sampled": sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
	"sampled":     sdktrace.NewTracerProvider(),
}

func bench(b *testing.B, f func(b *testing.B, t *tracekafka.Tracer)) {
	for _, name := range []string{"no SDK", "not sampled", "sampled"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f(b, tracekafka.New(trace.WithTracerProvider(providers[name]), trace.WithMeterProvider(noop.NewMeterProvider())))
		})
	}
}

// BenchmarkSend is what a record that is produced costs more.
func BenchmarkSend(b *testing.B) {
	bench(b, func(b *testing.B, t *tracekafka.Tracer) {
		headers := []kgo.RecordHeader{{Key: "user", Value: []byte("me")}}
		rec := &kgo.Record{Topic: "orders", Value: []byte("v")}
		for b.Loop() {
			rec.Headers, rec.Context = headers, context.Background()
			t.OnProduceRecordBuffered(rec)
			t.OnProduceRecordUnbuffered(rec, nil)
		}
	})
}

// BenchmarkProcess is what a record that is consumed costs more.
func BenchmarkProcess(b *testing.B) {
	bench(b, func(b *testing.B, t *tracekafka.Tracer) {
		rec := &kgo.Record{Topic: "orders", Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(traceparent)}}}
		f := func(context.Context, *kgo.Record) error { return nil }
		for b.Loop() {
			_ = t.Process(context.Background(), rec, f)
		}
	})
}

// BenchmarkBatch is what a record of a batch of 500 costs more.
func BenchmarkBatch(b *testing.B) {
	bench(b, func(b *testing.B, t *tracekafka.Tracer) {
		rec := &kgo.Record{Topic: "orders", Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte(traceparent)}}}
		batch := make([]*kgo.Record, 500)
		for i := range batch {
			batch[i] = rec
		}
		f := func(context.Context, []*kgo.Record) error { return nil }
		for b.Loop() {
			_ = t.ProcessBatch(context.Background(), batch, f)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/record")
	})
}
