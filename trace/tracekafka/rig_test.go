package tracekafka_test

import (
	"context"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/tracekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// rig is a Tracer, and what comes of it.
type rig struct {
	*tracekafka.Tracer
	provider oteltrace.TracerProvider
	spans    *tracetest.SpanRecorder
	reader   *sdkmetric.ManualReader
}

func newRig(t *testing.T, opts ...trace.Option) rig {
	t.Helper()
	r := rig{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	t.Cleanup(func() { _ = tp.Shutdown(bg) })
	r.provider = tp
	r.Tracer = tracekafka.New(append(opts, trace.WithTracerProvider(tp), trace.WithMeterProvider(mp))...)
	return r
}

// span starts a span of the rig's provider.
func (r rig) span(ctx context.Context, name string) (context.Context, oteltrace.Span) {
	return r.provider.Tracer("test").Start(ctx, name)
}

// named returns the ended spans of a name.
func (r rig) named(name string) (found []sdktrace.ReadOnlySpan) {
	for _, s := range r.spans.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	return found
}

// one returns the one ended span of a name.
func (r rig) one(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	found := r.named(name)
	if len(found) != 1 {
		t.Fatalf("%d spans %q among %d, want 1", len(found), name, len(r.spans.Ended()))
	}
	return found[0]
}

// sums returns what was counted, and how many durations were measured, by the metric's name.
func (r rig) sums(t *testing.T) map[string]int {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(bg, &rm); err != nil {
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

func attrs(s sdktrace.ReadOnlySpan) map[string]any {
	m := map[string]any{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// under reports whether child's parent is parent.
func under(child, parent sdktrace.ReadOnlySpan) bool {
	return child.Parent().SpanID() == parent.SpanContext().SpanID() &&
		child.SpanContext().TraceID() == parent.SpanContext().TraceID()
}

// links returns the ids of the spans that s is linked to, in order of ids.
func links(s sdktrace.ReadOnlySpan) (ids []string) {
	for _, l := range s.Links() {
		ids = append(ids, l.SpanContext.SpanID().String())
	}
	slices.Sort(ids)
	return ids
}

func ids(spans []sdktrace.ReadOnlySpan) (ids []string) {
	for _, s := range spans {
		ids = append(ids, s.SpanContext().SpanID().String())
	}
	slices.Sort(ids)
	return ids
}

// header returns the values that a record has under key.
func header(r *kgo.Record, key string) (values []string) {
	for _, h := range r.Headers {
		if h.Key == key {
			values = append(values, string(h.Value))
		}
	}
	return values
}
