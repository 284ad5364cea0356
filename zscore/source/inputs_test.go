package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// gatherer is a sink that keeps what it gets.
type gatherer struct {
	mu      sync.Mutex
	samples []Sample
	errs    []error
	batches int
}

func (g *gatherer) sink(_ context.Context, b Batch) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.batches++
	g.samples = append(g.samples, b.Samples...)
	if b.Err != nil {
		g.errs = append(g.errs, b.Err)
	}
	return nil
}

// text is a sample as tests write it.
func text(s Sample) string {
	out := s.Labels.String()
	switch {
	case s.Stale:
		out += " stale"
	case s.Histogram != nil:
		out += fmt.Sprintf(" %v measurements of %v in %d buckets", s.Histogram.Count, s.Histogram.Sum, len(s.Histogram.Buckets))
	default:
		out += fmt.Sprintf(" %v", s.Value)
	}
	out += " " + s.Type.String()
	if !s.Start.IsZero() {
		out += fmt.Sprintf(" from +%v", s.Start.Sub(noon).Seconds())
	}
	for _, e := range s.Exemplars {
		out += fmt.Sprintf(" #%s/%s%v=%v", e.TraceID, e.SpanID, e.Labels, e.Value)
	}
	return out
}

func texts(samples []Sample) []string {
	var out []string
	for _, s := range samples {
		out = append(out, text(s))
	}
	return out
}

func TestParseMetrics(t *testing.T) {
	const plain = `# TYPE requests_total counter
requests_total{code="200",instance="own"} 12
# TYPE temperature gauge
temperature -3.5 1763812800000
# TYPE lat histogram
lat_bucket{le="1"} 2
lat_bucket{le="+Inf"} 3
lat_sum 4
lat_count 3
# TYPE s summary
s{quantile="0.5"} 1
s_sum 2
bare NaN
`
	at := noon.Add(time.Second)
	got, err := ParseMetrics([]byte(plain), "text/plain; version=0.0.4", at, Label{"instance", "gw:1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`requests_total{code="200", exported_instance="own", instance="gw:1"} 12 counter`,
		`temperature{instance="gw:1"} -3.5 gauge`,
		`lat_bucket{instance="gw:1", le="1.0"} 2 counter`, `lat_bucket{instance="gw:1", le="+Inf"} 3 counter`,
		`lat_sum{instance="gw:1"} 4 counter`, `lat_count{instance="gw:1"} 3 counter`,
		`s{instance="gw:1", quantile="0.5"} 1 gauge`, `s_sum{instance="gw:1"} 2 counter`,
		`bare{instance="gw:1"} NaN unknown`,
	}
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if !got[0].Time.Equal(at) || !got[1].Time.Equal(time.UnixMilli(1763812800000)) {
		t.Errorf("times %v and %v, want the scrape's and the page's", got[0].Time, got[1].Time)
	}
}

func TestParseOpenMetrics(t *testing.T) {
	page := "# TYPE requests counter\n" +
		"requests_total{code=\"500\"} 7 # {trace_id=\"AB12\",span_id=\"cd\",user=\"u\"} 1 1763812800.5\n" +
		fmt.Sprintf("requests_created{code=\"500\"} %d\n", noon.Unix()) +
		"# EOF\n"
	got, err := ParseMetrics([]byte(page), "application/openmetrics-text; version=1.0.0", noon)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`requests_total{code="500"} 7 counter from +0 #ab12/cd{user="u"}=1`}
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if _, err := ParseMetrics([]byte("requests_total 7\n"), "application/openmetrics-text", noon); err == nil {
		t.Error("OpenMetrics without its end is taken")
	}
	if _, err := ParseMetrics([]byte("a 1\nb{ 2\n"), "text/plain", noon); err == nil || !strings.Contains(err.Error(), "after 1 samples") {
		t.Errorf("broken text: %v, want where", err)
	}
}

func FuzzParseMetrics(f *testing.F) {
	f.Add([]byte("# TYPE a counter\na_total 1\n"), "text/plain")
	f.Add([]byte("# TYPE a counter\na_total 1 # {trace_id=\"x\"} 1\n# EOF\n"), "application/openmetrics-text")
	f.Add([]byte("\x0b\n\x01a\x12\x00\x18\x00\x22\x02\x12\x00"), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	f.Fuzz(func(t *testing.T, page []byte, contentType string) {
		samples, err := ParseMetrics(page, contentType, noon, Label{"instance", "x"})
		if err != nil {
			return
		}
		for _, s := range samples {
			if s.Labels.Get("instance") != "x" {
				t.Errorf("%v has not the target's label", s.Labels)
			}
			if s.Histogram != nil {
				s.Histogram.Quantile(0.99)
			}
		}
	})
}

func TestScrape(t *testing.T) {
	pages := []string{"a 1\nb 2\n", "a 3\n", "", "a 5\n"}
	turn := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := pages[min(turn, len(pages)-1)]
		turn++
		if page == "" {
			http.Error(w, "not now", http.StatusInternalServerError)
			return
		}
		if r.URL.Path != "/metrics" || !strings.Contains(r.Header.Get("Accept"), "openmetrics") {
			t.Errorf("asked for %v with Accept %q", r.URL, r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, page)
	}))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	ctx, cancel := context.WithCancel(t.Context())
	var g gatherer
	s := &Scrape{URL: strings.TrimPrefix(server.URL, "http://"), Interval: time.Millisecond, Timeout: time.Minute, Labels: []Label{{"job", "j"}}, Client: server.Client()}
	sink := func(ctx context.Context, b Batch) error {
		err := g.sink(ctx, b)
		if g.batches == len(pages) {
			cancel()
		}
		return err
	}
	// The timeout is the interval at most: too short for a loaded machine.
	r := scrapeRun{Scrape: *s, name: s.Name()}
	r.url, _ = s.target()
	if err := every(ctx, s.Interval, func(at time.Time) { r.once(ctx, at, sink) }); err != nil {
		t.Fatal(err)
	}
	want := []string{`a{job="j"} 1 unknown`, `b{job="j"} 2 unknown`, `a{job="j"} 3 unknown`, `b{job="j"} stale unknown`, `a{job="j"} 5 unknown`}
	if diff := cmp.Diff(want, texts(g.samples)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if len(g.errs) != 1 || !strings.Contains(g.errs[0].Error(), "answered 500") {
		t.Errorf("errors %v, want the one of the third page", g.errs)
	}
}

func TestScrapeHidesPasswords(t *testing.T) {
	var g gatherer
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			cancel()
			return nil, errors.New("no route")
		})}
		s := &Scrape{URL: "http://me:hunter2@gw:1/metrics", Client: client}
		sink := func(_ context.Context, b Batch) error { return g.sink(t.Context(), b) }
		r := scrapeRun{Scrape: *s, name: s.Name()}
		r.Timeout = time.Second
		r.url, _ = s.target()
		_, err := r.read(context.WithoutCancel(ctx), noon)
		g.errs = append(g.errs, err)
		if err := s.Run(ctx, sink); err != nil {
			t.Error(err)
		}
	})
	if len(g.errs) == 0 || !strings.Contains(g.errs[0].Error(), "no route") || strings.Contains(g.errs[0].Error(), "hunter2") {
		t.Errorf("errors %v, want the cause without the password", g.errs)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestInputsRefuse(t *testing.T) {
	tests := []struct {
		input interface {
			Input
			Check() error
		}
		want string
	}{
		{&Scrape{URL: "ftp://x"}, "want http://host:port/metrics"},
		{&Scrape{URL: "http://%zz:secret@x"}, "want http://host:port/metrics"},
		{&Scrape{URL: "x:1", Interval: -1}, "not negative"},
		{&Prometheus{URL: "prom:9090"}, "want http://host:9090"},
		{&Prometheus{URL: "http://prom:9090", Step: -1}, "not negative"},
	}
	for _, tt := range tests {
		err := tt.input.Check()
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: err = %v, want %q", tt.input, err, tt.want)
		}
		if err := tt.input.Run(t.Context(), nil); err == nil {
			t.Errorf("%+v runs", tt.input)
		}
	}
}

func TestLines(t *testing.T) {
	in := `{"metric":"rps","labels":{"route":"/pay"},"timestamp":"2026-11-22T12:00:00Z","value":12.5}

{"metric":"rps","timestamp":1795348801.25,"value":null,"type":"counter"}
{"metric":"rps","timestamp":1795348801,"value":"+Inf"}
{"metric":"rps","timestamp":"yesterday","value":1}
{"metric":"rps","value":1}
{"metric":"rps","timestamp":1,"value":"many"}
{"timestamp":1,"value":1}
{"metric":"rps","timestamp":1,"value":1,"colour":"red"}
{"metric":"rps","timestamp":1,"value":1,"type":"histogram"}
{"metric":"rps","timestamp":1,"value":1}{}
no
`
	var g gatherer
	if err := (&Lines{From: strings.NewReader(in), As: "standard input"}).Run(t.Context(), g.sink); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`rps{route="/pay"} 12.5 unknown`, "rps NaN counter", "rps +Inf unknown"}, texts(g.samples)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	wantTime := time.Date(2026, 11, 22, 12, 0, 1, 250e6, time.UTC)
	if len(g.samples) > 1 && !g.samples[1].Time.Equal(wantTime) {
		t.Errorf("a time in seconds is %v, want %v", g.samples[1].Time, wantTime)
	}
	want := []string{"line 5: timestamp", "line 6: timestamp is missing", "line 7: value", "line 8: neither metric nor labels", "line 9: not a sample in JSON", "line 10: type", "line 11: more than one", "line 12: not a sample"}
	for i, w := range want {
		if i >= len(g.errs) || !strings.HasPrefix(g.errs[i].Error(), "standard input: "+w) {
			t.Fatalf("errors %v, want %q as number %d", g.errs, w, i)
		}
	}
}

// TestLinesBlocked has a read that blocks neither hold Run up nor lose a line.
func TestLinesBlocked(t *testing.T) {
	from, to := io.Pipe()
	l := &Lines{From: from, As: "standard input"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Run(ctx, nil); err != nil {
		t.Error(err)
	}
	go func() {
		_, err := io.WriteString(to, `{"metric":"a","timestamp":1,"value":1}`)
		_ = to.CloseWithError(err) // nil is the end
	}()
	var g gatherer
	if err := l.Run(t.Context(), g.sink); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"a 1 unknown"}, texts(g.samples)); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func TestLinesOfCSV(t *testing.T) {
	var g gatherer
	in := "timestamp,value\n2026-11-22 12:00:00,1\n2026-11-22 12:00:15,\n"
	if err := (&Lines{From: strings.NewReader(in), As: "f.csv", Metric: "m"}).Run(t.Context(), g.sink); err != nil {
		t.Fatal(err)
	}
	want := []Sample{{Labels: NewLabels(Label{NameLabel, "m"}), Time: noon, Value: 1}, {Labels: NewLabels(Label{NameLabel, "m"}), Time: noon.Add(15 * time.Second), Value: math.NaN()}}
	if diff := cmp.Diff(want, g.samples, cmpopts.EquateNaNs(), cmp.Comparer(func(a, b Labels) bool { return a == b })); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

func FuzzJSONLines(f *testing.F) {
	f.Add(`{"metric":"rps","labels":{"a":"b"},"timestamp":1,"value":1}`)
	f.Add("{}\n\n{\"timestamp\":1e300}")
	f.Fuzz(func(t *testing.T, in string) {
		for s, err := range JSONLines(strings.NewReader(in)) {
			var syntax *SyntaxError
			if err != nil && !errors.As(err, &syntax) || err == nil && s.Labels == noLabels {
				t.Errorf("%v, %v", s, err)
			}
		}
	})
}
