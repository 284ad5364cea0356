package source

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	oteltrace "go.opentelemetry.io/otel/trace"
	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// TestOpenTelemetrySDK takes metrics from the SDK, by each protocol and in both
// temporalities.
func TestOpenTelemetrySDK(t *testing.T) {
	for _, tt := range []struct {
		name  string
		grpc  bool
		delta bool
		want  Type
	}{{"http, cumulative", false, false, Counter}, {"grpc, delta", true, true, Delta}} {
		t.Run(tt.name, func(t *testing.T) {
			var g gatherer
			ctx, cancel := context.WithCancel(t.Context())
			addrs, done := make(chan [2]string, 1), make(chan error, 1)
			o := &OTLP{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", Listening: func(h, g string) { addrs <- [2]string{h, g} }}
			go func() { done <- o.Run(ctx, g.sink) }()
			record(t, <-addrs, tt.grpc, tt.delta)
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			checkRecorded(t, g.samples, tt.want)
		})
	}
}

// record measures a little with the SDK and sends it off.
func record(t *testing.T, addrs [2]string, grpc, delta bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	temporality := sdkmetric.DefaultTemporalitySelector
	if delta {
		temporality = func(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }
	}
	var exporter sdkmetric.Exporter
	var err error
	if grpc {
		exporter, err = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(addrs[1]), otlpmetricgrpc.WithInsecure(), otlpmetricgrpc.WithTemporalitySelector(temporality))
	} else {
		exporter, err = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(addrs[0]), otlpmetrichttp.WithInsecure(), otlpmetrichttp.WithTemporalitySelector(temporality))
	}
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour))),
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"), attribute.String("service.instance.id", "i-1"))),
		sdkmetric.WithView(sdkmetric.NewView(sdkmetric.Instrument{Name: "size"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})),
	)
	m := provider.Meter("test")
	counter, err1 := m.Int64Counter("shop.orders")
	latency, err2 := m.Float64Histogram("shop.latency", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.1, 1))
	size, err3 := m.Float64Histogram("size")
	gauge, err4 := m.Float64Gauge("temperature")
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	sampled := oteltrace.ContextWithSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{0xaa, 15: 1}, SpanID: oteltrace.SpanID{0xbb}, TraceFlags: oteltrace.FlagsSampled,
	}))
	counter.Add(ctx, 7, metric.WithAttributes(attribute.String("pay.method", "card"), attribute.Int("status", 200)))
	for range 10 {
		latency.Record(sampled, 0.5)
		size.Record(ctx, 100)
	}
	gauge.Record(ctx, -2)
	if err := provider.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func checkRecorded(t *testing.T, samples []Sample, typ Type) {
	t.Helper()
	by := map[string]Sample{}
	for _, s := range samples {
		by[s.Labels.Name()] = s
	}
	resource := []Label{{"job", "shop"}, {"instance", "i-1"}}
	orders := by["shop_orders_total"]
	want := NewLabels(append([]Label{{NameLabel, "shop_orders_total"}, {"pay_method", "card"}, {"status", "200"}}, resource...)...)
	if orders.Labels != want || orders.Value != 7 || orders.Type != typ || orders.Start.IsZero() || !orders.Start.Before(orders.Time) {
		t.Errorf("the counter is %s of %v: want 7 of %v", text(orders), orders.Type, want)
	}
	if s := by["temperature"]; s.Value != -2 || s.Type != Gauge {
		t.Errorf("the gauge is %s", text(s))
	}
	latency := by["shop_latency_seconds"]
	if latency.Histogram == nil || latency.Type != typ {
		t.Fatalf("the histogram is missing among %v", texts(samples))
	}
	if h := latency.Histogram; h.Count != 10 || h.Sum != 5 || h.Quantile(0.5) != 0.1+0.9/2 || h.Mean() != 0.5 {
		t.Errorf("the histogram is %+v", h)
	}
	if !slices.ContainsFunc(latency.Exemplars, func(e Exemplar) bool {
		return e.TraceID == "aa000000000000000000000000000001" && e.SpanID == "bb00000000000000" && e.Value == 0.5
	}) {
		t.Errorf("the histogram's exemplars are %+v", latency.Exemplars)
	}
	if h := by["size"].Histogram; h == nil || math.Abs(h.Quantile(0.5)-100) > 1 || !h.Exponential {
		t.Errorf("the exponential histogram is %+v, want a median of 100", h)
	}
}

// otlpRequest has one of each kind of metric.
func otlpRequest() []*metricspb.ResourceMetrics {
	at := uint64(noon.UnixNano())
	number := []*metricspb.NumberDataPoint{{TimeUnixNano: at, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 3}}}
	sum := 12.0
	metrics := []*metricspb.Metric{
		{Name: "g", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{{TimeUnixNano: at, Flags: 1}, {Value: &metricspb.NumberDataPoint_AsDouble{AsDouble: 1}}}}}},
		{Name: "updown", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: number, AggregationTemporality: 2}}},
		{Name: "", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: number}}},
		{Name: "h", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{AggregationTemporality: 2, DataPoints: []*metricspb.HistogramDataPoint{
			{TimeUnixNano: at, Count: 3, Sum: &sum, BucketCounts: []uint64{1, 2}, ExplicitBounds: []float64{2, 1}},
			{TimeUnixNano: at, Count: 3, Sum: &sum},
		}}}},
		{Name: "e", Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{AggregationTemporality: 2, DataPoints: []*metricspb.ExponentialHistogramDataPoint{{
			TimeUnixNano: at, Count: 6, ZeroCount: 1, Scale: 1, ZeroThreshold: 0.5,
			Positive: &metricspb.ExponentialHistogramDataPoint_Buckets{Offset: 2, BucketCounts: []uint64{1, 0, 2}},
			Negative: &metricspb.ExponentialHistogramDataPoint_Buckets{Offset: 0, BucketCounts: []uint64{0, 2}},
		}}}}},
		{Name: "s", Data: &metricspb.Metric_Summary{Summary: &metricspb.Summary{DataPoints: []*metricspb.SummaryDataPoint{{
			TimeUnixNano: at, Count: 4, Sum: 2, QuantileValues: []*metricspb.SummaryDataPoint_ValueAtQuantile{{Quantile: 0.99, Value: 7}},
		}}}}},
	}
	return []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: metrics}}}}
}

func TestOTLPKinds(t *testing.T) {
	samples := ofOTLP(otlpRequest())
	want := []string{
		"g stale gauge", "updown 3 gauge",
		"h 3 measurements of 12 in 0 buckets counter", "h 3 measurements of 12 in 0 buckets counter",
		"e 6 measurements of NaN in 4 buckets counter",
		`s{quantile="0.99"} 7 gauge`, "s_sum 2 counter", "s_count 4 counter",
	}
	if diff := cmp.Diff(want, texts(samples)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	root := math.Sqrt2
	wantBuckets := []Bucket{{-2, -root, 2}, {-0.5, 0.5, 1}, {2, 2 * root, 1}, {4, 4 * root, 2}}
	for i, b := range samples[4].Histogram.Buckets {
		if w := wantBuckets[i]; math.Abs(b.Lower-w.Lower) > 1e-9 || math.Abs(b.Upper-w.Upper) > 1e-9 || b.Count != w.Count {
			t.Errorf("bucket %d is %+v, want %+v", i, b, w)
		}
	}
}

func FuzzOTLP(f *testing.F) {
	body, err := proto.Marshal(&colmetricspb.ExportMetricsServiceRequest{ResourceMetrics: otlpRequest()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		var req colmetricspb.ExportMetricsServiceRequest
		if proto.Unmarshal(body, &req) != nil {
			return
		}
		sh, err := NewShaper(Shaping{}, func(r Reading) {
			if math.IsNaN(r.Value) || math.IsInf(r.Value, 0) {
				t.Errorf("a reading of %v", r.Value)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range ofOTLP(req.ResourceMetrics) {
			sh.Add(time.Time{}, &s)
		}
	})
}
