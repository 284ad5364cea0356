package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

const (
	typeV1 = "application/x-protobuf"
	typeV2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

// exponential is a native histogram of three measurements.
func exponential() *histogram.FloatHistogram {
	return &histogram.FloatHistogram{
		Schema: 0, Count: 3, Sum: 6, ZeroThreshold: 0.001,
		PositiveSpans: []histogram.Span{{Offset: 1, Length: 2}}, PositiveBuckets: []float64{1, 2},
	}
}

func writeV1(t testing.TB) []byte {
	req := prompb.WriteRequest{
		Metadata: []prompb.MetricMetadata{{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "requests_total"}},
		Timeseries: []prompb.TimeSeries{
			{
				Labels:    []prompb.Label{{Name: "__name__", Value: "requests_total"}, {Name: "code", Value: "200"}},
				Samples:   []prompb.Sample{{Timestamp: noon.UnixMilli(), Value: 5}, {Timestamp: noon.UnixMilli() + 15000, Value: math.Float64frombits(value.StaleNaN)}},
				Exemplars: []prompb.Exemplar{{Labels: []prompb.Label{{Name: "traceID", Value: "AA"}}, Value: 2}},
			},
			{
				Labels:     []prompb.Label{{Name: "__name__", Value: "lat"}},
				Histograms: []prompb.Histogram{prompb.FromFloatHistogram(noon.UnixMilli(), exponential())},
			},
		},
	}
	body, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func writeV2(t testing.TB) []byte {
	h := writev2.FromFloatHistogram(noon.UnixMilli(), exponential())
	h.StartTimestamp = noon.UnixMilli() - 60000
	req := writev2.Request{
		Symbols: []string{"", "__name__", "requests_total", "code", "200", "trace_id", "aa", "lat"},
		Timeseries: []writev2.TimeSeries{
			{
				LabelsRefs: []uint32{1, 2, 3, 4}, Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER},
				Samples:   []writev2.Sample{{Timestamp: noon.UnixMilli(), Value: 5, StartTimestamp: noon.UnixMilli() - 1000}, {Timestamp: noon.UnixMilli() + 15000, Value: math.Float64frombits(value.StaleNaN)}},
				Exemplars: []writev2.Exemplar{{LabelsRefs: []uint32{5, 6}, Value: 2}},
			},
			{LabelsRefs: []uint32{1, 7}, Histograms: []writev2.Histogram{h}, Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_HISTOGRAM}},
		},
	}
	body, err := req.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// post sends a body as a remote-write sender would.
func post(t *testing.T, h http.Handler, contentType string, body []byte, change func(*http.Request)) *http.Response {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, "/api/v1/write", bytes.NewReader(snappy.Encode(nil, body)))
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Content-Encoding", "snappy")
	if change != nil {
		change(req)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Result()
}

func TestRemoteWrite(t *testing.T) {
	tests := []struct {
		name, contentType string
		body              []byte
		want              []string
	}{
		{"1.0", typeV1, writeV1(t), []string{
			`requests_total{code="200"} 5 counter`, `requests_total{code="200"} stale counter #aa/{}=2`,
			"lat 3 measurements of 6 in 2 buckets counter",
		}},
		{"2.0", typeV2, writeV2(t), []string{
			`requests_total{code="200"} 5 counter from +-1`, `requests_total{code="200"} stale counter #aa/{}=2`,
			"lat 3 measurements of 6 in 2 buckets counter from +-60",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var g gatherer
			resp := post(t, (&RemoteWrite{}).Handler(g.sink), tt.contentType, tt.body, nil)
			if resp.StatusCode != http.StatusNoContent {
				t.Fatalf("answer %s", resp.Status)
			}
			for name, want := range map[string]string{"Samples": "2", "Histograms": "1", "Exemplars": "1"} {
				if got := resp.Header.Get("X-Prometheus-Remote-Write-" + name + "-Written"); got != want {
					t.Errorf("%s written: %q, want %s", name, got, want)
				}
			}
			if diff := cmp.Diff(tt.want, texts(g.samples)); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
			if h := g.samples[2].Histogram; !h.Exponential || h.Buckets[0] != (Bucket{1, 2, 1}) || h.Buckets[1] != (Bucket{2, 4, 2}) {
				t.Errorf("histogram %+v, want buckets from 1 to 2 and 4", h)
			}
		})
	}
}

func TestRemoteWriteRefuses(t *testing.T) {
	broken := func(context.Context, Batch) error { return errors.New("disk is full") }
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
		want   string
	}{
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, 405, "POST"},
		{"a web page", func(r *http.Request) { r.Header.Set("Origin", "http://evil") }, 403, "web pages"},
		{"gzip", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415, "wants snappy"},
		{"text", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "application/x-protobuf"},
		{"protocol 3", func(r *http.Request) { r.Header.Set("Content-Type", typeV1+";proto=io.prometheus.write.v3.Request") }, 415, "v2.Request"},
		{"no snappy", func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("\xff\xff\xff")) }, 400, "the body"},
		{"no protobuf", func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader(snappy.Encode(nil, []byte("\x0a\xff")))) }, 400, "decode"},
		{"too large", func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader(snappy.Encode(nil, make([]byte, 2000)))) }, 413, "max_samples_per_send"},
		{"the sink fails", nil, 503, "disk is full"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := post(t, (&RemoteWrite{MaxBytes: 1000}).Handler(broken), typeV1, writeV1(t), tt.change)
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
				t.Errorf("answer %d %q (%v), want %d with %q", resp.StatusCode, body, err, tt.status, tt.want)
			}
			if tt.status == 503 && resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

func TestRemoteWriteRun(t *testing.T) {
	var g gatherer
	ctx, cancel := context.WithCancel(t.Context())
	addr, done := make(chan string, 1), make(chan error, 1)
	r := &RemoteWrite{Addr: "127.0.0.1:0", Listening: func(a string) { addr <- a }}
	go func() { done <- r.Run(ctx, g.sink) }()
	at := <-addr
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+at+"/api/v1/write", bytes.NewReader(snappy.Encode(nil, writeV2(t))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", typeV2)
	req.Header.Set("Content-Encoding", "snappy")
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent || len(g.samples) != 3 {
		t.Errorf("answer %s with %d samples", resp.Status, len(g.samples))
	}
	if err := (&RemoteWrite{Addr: at}).Run(ctx, g.sink); err == nil || !strings.Contains(err.Error(), "listen for remote write") {
		t.Errorf("a second one at the same address: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func FuzzRemoteWrite(f *testing.F) {
	f.Add(false, writeV1(f))
	f.Add(true, writeV2(f))
	f.Fuzz(func(t *testing.T, two bool, body []byte) {
		w := (&RemoteWrite{}).Handler(nil).(*writeHandler)
		decode := w.decodeV1
		if two {
			decode = decodeV2
		}
		samples, err := decode(body)
		if err != nil {
			return
		}
		sh, err := NewShaper(Shaping{}, func(Reading) {})
		if err != nil {
			t.Fatal(err)
		}
		for i := range samples {
			sh.Add(noon, &samples[i])
		}
	})
}
