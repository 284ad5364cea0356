package store

import (
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// BenchmarkSpans files batches of 512 spans, 16 a trace, into a store that is
// full, so that each batch also evicts as many.
func BenchmarkSpans(b *testing.B) {
	m := NewMemory(50_000)
	var rs []*tracepb.ResourceSpans
	var spans []*tracepb.Span
	for i := range uint64(512) {
		s := span(0, i%16+1, i%16, "SELECT stock", int64(i), int64(i+5))
		s.Attributes = []*commonpb.KeyValue{str("db.system.name", "postgresql"), str("db.query.text", "SELECT n FROM stock WHERE sku = $1")}
		spans = append(spans, s)
	}
	rs = batch("order", spans...)
	next := uint64(1)
	file := func() {
		for i, s := range spans {
			s.TraceId = tid(next + uint64(i/16))
		}
		next += 512 / 16
		if err := m.Spans(b.Context(), rs); err != nil {
			b.Fatal(err)
		}
	}
	for range 100 {
		file()
	}
	b.ReportAllocs()
	for b.Loop() {
		file()
	}
	b.ReportMetric(float64(b.N)*512/b.Elapsed().Seconds(), "spans/s")
}

// BenchmarkNewest lists the newest 100 of many traces, as a page that refreshes
// itself does.
func BenchmarkNewest(b *testing.B) {
	m := NewMemory(0)
	for tr := range uint64(10_000) {
		if err := m.Spans(b.Context(), batch("order", span(tr+1, 1, 0, "a", int64(tr), 9), span(tr+1, 2, 1, "b", int64(tr), 9))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := m.Newest(100); len(got) != 100 {
			b.Fatal(len(got))
		}
	}
}
