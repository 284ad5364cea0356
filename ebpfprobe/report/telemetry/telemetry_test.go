package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
	"github.com/clewhq/clew/ebpfprobe/report/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is an exporter that keeps its spans past its end.
type kept struct{ *tracetest.InMemoryExporter }

func (kept) Shutdown(context.Context) error { return nil }

func export(t *testing.T, part *report.Report) tracetest.SpanStubs {
	t.Helper()
	exporter := kept{tracetest.NewInMemoryExporter()}
	spans := telemetry.NewSpans(exporter)
	spans.Add(part)
	if err := spans.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return exporter.GetSpans()
}

func TestSpans(t *testing.T) {
	spans := export(t, reporttest.At(1).Since(nil))
	if len(spans) != 2 {
		t.Fatalf("%d spans, want 2", len(spans))
	}
	eval, get := spans[0], spans[1]
	if eval.Name != "EVAL" || eval.SpanKind != oteltrace.SpanKindServer {
		t.Errorf("span %s of kind %v", eval.Name, eval.SpanKind)
	}
	if eval.SpanContext.TraceID().String() != reporttest.TraceID || eval.Parent.SpanID().String() != reporttest.SpanID || !eval.Parent.IsRemote() {
		t.Errorf("span of trace %s below %s, want the client's", eval.SpanContext.TraceID(), eval.Parent.SpanID())
	}
	at := reporttest.Start.Add(300 * time.Millisecond)
	if from, to := eval.StartTime, eval.EndTime; !from.Equal(at.Add(-11*time.Microsecond)) || !to.Equal(at.Add(200*time.Millisecond)) {
		t.Errorf("from %v to %v", from, to)
	}
	if get.Parent.IsValid() || !get.SpanContext.TraceID().IsValid() || get.SpanContext.TraceID() == eval.SpanContext.TraceID() {
		t.Errorf("a batch of an unknown client is in trace %s below %s, want one of its own", get.SpanContext.TraceID(), get.Parent.SpanID())
	}
	got := map[string]string{}
	for _, a := range append(get.Attributes, get.Resource.Attributes()...) {
		got[string(a.Key)] = a.Value.String()
	}
	want := map[string]string{
		"db.system.name": "redis", "db.operation.name": "GET", "db.operation.batch.size": "3", "db.query.text": "GET ?",
		"server.port": "6379", "client.address": "10.0.0.8", "client.port": "40000", "redisprobe.wait": "0.18", "redisprobe.service": "9e-06",
		"service.name": "redis-server:6379", "process.pid": "4711", "process.executable.name": "redis-server",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

// TestTraceWithoutSpan checks that a batch of which only the trace is known is in
// that trace.
func TestTraceWithoutSpan(t *testing.T) {
	r := reporttest.At(1)
	r.Servers[0].Slow[0].SpanID = ""
	r.Servers[0].Slow[1].Error = true
	r.Servers[0].Slow[1].TraceID = "no hex"
	spans := export(t, r)
	if got := spans[0].SpanContext.TraceID().String(); got != reporttest.TraceID || spans[0].Parent.IsValid() {
		t.Errorf("span of trace %s below %s", got, spans[0].Parent.SpanID())
	}
	if got := fmt.Sprint(spans[1].Status.Code, spans[1].SpanContext.IsValid()); got != "Error true" {
		t.Errorf("a failed batch with a bad trace id: %s", got)
	}
}

func TestMetrics(t *testing.T) {
	newest := func() (*report.Report, error) { return reporttest.At(7), nil }
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(telemetry.NewProducer(newest)))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				var sum uint64
				for _, n := range p.BucketCounts {
					sum += n
				}
				if sum != p.Count || len(p.BucketCounts) != len(p.Bounds)+1 {
					t.Errorf("%v: buckets of %d, count %d", p.Attributes, sum, p.Count)
				}
				name, _ := p.Attributes.Value("db.operation.name")
				phase, _ := p.Attributes.Value("redisprobe.phase")
				got[fmt.Sprint(m.Name, " ", name.AsString(), " ", phase.AsString())] = fmt.Sprintf("%d %.4g%s", p.Count, p.Sum, m.Unit)
			}
		case metricdata.Sum[int64]:
			got[m.Name] = fmt.Sprint(data.DataPoints[0].Value)
		case metricdata.Sum[float64]:
			got[m.Name] = fmt.Sprintf("%.4g", data.DataPoints[0].Value)
		}
	}
	want := map[string]string{
		"redisprobe.request.duration GET wait": "709 1.629s", "redisprobe.request.duration GET service": "709 0.006381s",
		"redisprobe.request.duration SET wait": "143 0.2721s", "redisprobe.request.duration SET service": "143 0.04147s",
		"redisprobe.request.duration SET fsync": "140 0.01834s",
		"redisprobe.request.duration EVAL wait": "3 3.3e-05s", "redisprobe.request.duration EVAL service": "3 0.6s",
		"redisprobe.request.errors": "0", "redisprobe.blame.requests": "12", "redisprobe.blame.wait": "1.89", "redisprobe.events.lost": "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestNoReport(t *testing.T) {
	p := telemetry.NewProducer(func() (*report.Report, error) { return nil, os.ErrClosed })
	if _, err := p.Produce(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a probe that is closed: %v", err)
	}
}

// refusing is an exporter that takes nothing.
type refusing struct{ kept }

var errRefused = errors.New("refused")

func (refusing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return errRefused }

func TestNotExported(t *testing.T) {
	spans := telemetry.NewSpans(refusing{kept{tracetest.NewInMemoryExporter()}})
	spans.Add(reporttest.At(1))
	if err := spans.Close(t.Context()); !errors.Is(err, errRefused) || !strings.Contains(err.Error(), "2 spans were not exported") {
		t.Errorf("Close = %v", err)
	}
}
