// Package doortest has what the tests of doors look at: the spans and the metrics
// that came of a door.
package doortest

import (
	"context"
	"slices"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// Rig is the providers that a door is given, and what they have recorded.
type Rig struct {
	Spans    *tracetest.SpanRecorder
	provider *sdktrace.TracerProvider
	reader   *sdkmetric.ManualReader
}

// New returns a Rig that is shut down with the test.
func New(t *testing.T) Rig {
	t.Helper()
	r := Rig{Spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	r.provider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.Spans))
	t.Cleanup(func() { _ = r.provider.Shutdown(context.Background()) })
	return r
}

// Options are opts and the rig's providers.
func (r Rig) Options(opts ...trace.Option) []trace.Option {
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	return append(opts, trace.WithTracerProvider(r.provider), trace.WithMeterProvider(mp))
}

// Span starts a span of the rig's provider.
func (r Rig) Span(ctx context.Context, name string) (context.Context, oteltrace.Span) {
	return r.provider.Tracer("test").Start(ctx, name)
}

// Named returns the ended spans of a name.
func (r Rig) Named(name string) (found []sdktrace.ReadOnlySpan) {
	for _, s := range r.Spans.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	return found
}

// Sums returns what was counted, and how many durations were measured, by the metric's name.
func (r Rig) Sums(t *testing.T) map[string]int {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					got[m.Name] += int(p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					got[m.Name] += int(p.Count)
				}
			}
		}
	}
	return got
}

// Attributes returns those of s by key.
func Attributes(s sdktrace.ReadOnlySpan) map[string]any {
	m := map[string]any{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// Under reports whether child's parent is parent.
func Under(child, parent sdktrace.ReadOnlySpan) bool {
	return child.Parent().SpanID() == parent.SpanContext().SpanID() &&
		child.SpanContext().TraceID() == parent.SpanContext().TraceID()
}

// Links returns the ids of the spans that s is linked to, in order of ids.
func Links(s sdktrace.ReadOnlySpan) (ids []string) {
	for _, l := range s.Links() {
		ids = append(ids, l.SpanContext.SpanID().String())
	}
	slices.Sort(ids)
	return ids
}

// IDs returns the ids of spans, in order.
func IDs(spans []sdktrace.ReadOnlySpan) (ids []string) {
	for _, s := range spans {
		ids = append(ids, s.SpanContext().SpanID().String())
	}
	slices.Sort(ids)
	return ids
}
