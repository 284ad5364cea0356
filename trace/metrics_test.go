package trace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/clewhq/clew/trace"
)

func meter(t testing.TB) (*sdkmetric.MeterProvider, *sdkmetric.ManualReader) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	t.Cleanup(func() { _ = mp.Shutdown(context.Background()) })
	return mp, reader
}

func collect(t testing.TB, reader *sdkmetric.ManualReader) map[string]metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(bg, &rm); err != nil {
		t.Fatal(err)
	}
	out := map[string]metricdata.Metrics{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			out[m.Name] = m
		}
	}
	return out
}

// points lists what was counted, one line for a series: "name a=b c=d: count".
func points(ms map[string]metricdata.Metrics, names ...string) (lines []string) {
	text := func(s attribute.Set) string {
		var kvs []string
		for _, kv := range s.ToSlice() {
			if kv.Key != "server.port" {
				kvs = append(kvs, string(kv.Key)+"="+kv.Value.String())
			}
		}
		return strings.Join(kvs, " ")
	}
	for _, name := range names {
		switch d := ms[name].Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				lines = append(lines, fmt.Sprintf("%s: %d", text(p.Attributes), p.Count))
			}
		case metricdata.Histogram[int64]:
			for _, p := range d.DataPoints {
				lines = append(lines, fmt.Sprintf("%s: %d, %d bytes", text(p.Attributes), p.Count, p.Sum))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestServerMetrics(t *testing.T) {
	mp, reader := meter(t)
	tp := record(t)
	s := httptest.NewUnstartedServer(trace.Handler(mux(), trace.WithMeterProvider(mp), trace.WithTracerProvider(tp)))
	silence(s)
	s.Start()
	defer s.Close()
	for _, path := range []string{"/items/1", "/items/2", "/missing/a", "/missing/b", "/fail", "/panic"} {
		if resp, err := s.Client().Get(s.URL + path); err == nil {
			_ = resp.Body.Close()
		}
	}
	if resp, err := s.Client().Post(s.URL+"/echo", "", strings.NewReader("12345")); err == nil {
		_ = resp.Body.Close()
	}
	s.Close()
	ms := collect(t, reader)
	want := []string{
		"error.type=503 http.request.method=GET http.response.status_code=503 http.route=/fail network.protocol.version=1.1 url.scheme=http: 1",
		"error.type=string http.request.method=GET http.response.status_code=500 http.route=/panic network.protocol.version=1.1 url.scheme=http: 1",
		"http.request.method=GET http.response.status_code=200 http.route=/items/{id} network.protocol.version=1.1 url.scheme=http: 2",
		"http.request.method=GET http.response.status_code=404 network.protocol.version=1.1 url.scheme=http: 2",
		"http.request.method=POST http.response.status_code=201 http.route=/echo network.protocol.version=1.1 url.scheme=http: 1",
	}
	if d := cmp.Diff(want, points(ms, "http.server.request.duration")); d != "" {
		t.Errorf("duration (-want +got):\n%s", d)
	}
	for name, line := range map[string]string{
		"http.server.request.body.size":  want[4] + ", 5 bytes",
		"http.server.response.body.size": want[2] + ", 2 bytes",
	} {
		if got := points(ms, name); !slices.Contains(got, line) {
			t.Errorf("%s: no %q in %q", name, line, got)
		}
	}
	duration := ms["http.server.request.duration"]
	h := duration.Data.(metricdata.Histogram[float64]).DataPoints[0]
	if duration.Unit != "s" || len(h.Bounds) != 14 || h.Bounds[0] != 0.005 || h.Bounds[13] != 10 {
		t.Errorf("unit %q, buckets %v", duration.Unit, h.Bounds)
	}
	checkExemplar(t, h, tp)
}

// An exemplar leads from the histogram to a trace.
func checkExemplar(t *testing.T, h metricdata.HistogramDataPoint[float64], tp recorded) {
	t.Helper()
	if len(h.Exemplars) == 0 {
		t.Fatal("no exemplar")
	}
	for _, s := range tp.spans.Ended() {
		if id := s.SpanContext().SpanID(); string(h.Exemplars[0].SpanID) == string(id[:]) {
			return
		}
	}
	t.Errorf("exemplar of span %x, which nobody ended", h.Exemplars[0].SpanID)
}

func TestClientMetrics(t *testing.T) {
	mp, reader := meter(t)
	base, _ := serve(t, upstream())
	rt := trace.Transport(nil, trace.WithMeterProvider(mp), trace.WithTracerProvider(record(t)))
	defer client(rt).CloseIdleConnections()
	drain(t, send(t, client(rt), bg, "POST", base, "123"))
	drain(t, send(t, client(rt), bg, "GET", base+"/status/500", ""))
	if _, err := rt.RoundTrip(httptest.NewRequest(http.MethodGet, "http://127.0.0.1:1/", nil)); err == nil {
		t.Error("somebody listens on port 1")
	}
	want := []string{
		"error.type=500 http.request.method=GET http.response.status_code=500 network.protocol.version=1.1 server.address=127.0.0.1 url.scheme=http: 1",
		"error.type=net.OpError http.request.method=GET server.address=127.0.0.1 url.scheme=http: 1",
		"http.request.method=POST http.response.status_code=200 network.protocol.version=1.1 server.address=127.0.0.1 url.scheme=http: 1",
	}
	ms := collect(t, reader)
	got := points(ms, "http.client.request.duration")
	for i := range got { // the type of a dial error is Go's affair
		got[i] = strings.Replace(got[i], "*net.OpError", "net.OpError", 1)
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("duration (-want +got):\n%s", d)
	}
	if got := points(ms, "http.client.response.body.size"); !slices.Contains(got, want[2]+", 3 bytes") {
		t.Errorf("response sizes %q", got)
	}
}

func TestWithoutMetrics(t *testing.T) {
	mp, reader := meter(t)
	url, c := serve(t, trace.Handler(mux(), trace.WithMeterProvider(mp), trace.WithoutMetrics()))
	get(t, c, url)
	if ms := collect(t, reader); len(ms) != 0 {
		t.Errorf("metrics %v", ms)
	}
}
