package requestlog

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/internal/spool"
	"github.com/clewhq/clew/trace"
)

const patience = time.Minute

func open(t testing.TB, dir string, opts ...Option) *Log {
	t.Helper()
	l, err := Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// documents are what the spool in dir holds.
func documents(t testing.TB, dir string) (docs []map[string]any, lost uint64) {
	t.Helper()
	r := spool.NewReader(dir, spool.Cursor{})
	defer func() { _ = r.Close() }()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return docs, r.Cursor().Lost
		}
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]any
		if err := json.Unmarshal(rec.Data, &doc); err != nil {
			t.Fatalf("%v in %s", err, rec.Data)
		}
		docs = append(docs, doc)
	}
}

func TestEveryRequestOnceSampledOrNot(t *testing.T) {
	const clients, each = 8, 200
	dir := t.TempDir()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.TraceIDRatioBased(0.1)))
	defer func() { _ = tp.Shutdown(context.Background()) }()
	l := open(t, dir)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "panic" {
			panic("no such item")
		}
	})
	h := trace.Handler(mux, trace.WithTracerProvider(tp), trace.WithObserver(l.Observe))
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := range each {
				path := "/items/1"
				switch i % 10 {
				case 0:
					path = "/items/panic"
				case 1:
					path = "/%ff"
				}
				func() {
					defer func() { _ = recover() }()
					h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
				}()
			}
		})
	}
	all.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	docs, lost := documents(t, dir) // before Close: they must be there already
	closeLog(t, l)
	spans, sampled, by := map[any]bool{}, 0, map[float64]int{}
	for _, d := range docs {
		spans[lookup(d, "span.id")] = true
		by[lookup(d, "http.response.status_code").(float64)]++
		if lookup(d, "transaction.sampled") == true {
			sampled++
		}
	}
	const n = clients * each
	if len(docs) != n || len(spans) != n || lost != 0 {
		t.Errorf("%d documents of %d spans, %d lost; want %d", len(docs), len(spans), lost, n)
	}
	if diff := cmp.Diff(map[float64]int{200: n * 8 / 10, 404: n / 10, 500: n / 10}, by); diff != "" {
		t.Errorf("by status (-want +got):\n%s", diff)
	}
	if sampled == 0 || sampled == n {
		t.Errorf("%d of %d sampled: the test has not seen both", sampled, n)
	}
	if s := l.Stats(); s.Documents != n || s.Written != n || len(s.Dropped) != 0 || s.Crashed {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsDroppedIsCounted(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	dir := t.TempDir()
	l := open(t, dir, WithMeterProvider(mp))
	l.Observe(served())
	got := collect(t, reader) // while the log is open
	if got["clew.requestlog.documents"] != 1 || got["clew.requestlog.dropped queue_full"] != 0 {
		t.Errorf("metrics %v", got)
	}
	if _, ok := got["clew.requestlog.spool.size"]; !ok {
		t.Errorf("metrics %v", got)
	}
	closeLog(t, l)
	l.Observe(served())
	l.Observe(served())
	if diff := cmp.Diff(map[string]uint64{"closed": 2}, l.Stats().Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	if docs, _ := documents(t, dir); len(docs) != 1 {
		t.Errorf("%d documents, want 1", len(docs))
	}
}

// collect reads the metrics by name and reason.
func collect(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			var points []metricdata.DataPoint[int64]
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points = data.DataPoints
			case metricdata.Gauge[int64]:
				points = data.DataPoints
			}
			for _, p := range points {
				reason, _ := p.Attributes.Value("reason")
				got[strings.TrimSpace(m.Name+" "+reason.AsString())] = p.Value
			}
		}
	}
	return got
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for want, opts := range map[string][]Option{
		"no schema":  {WithSchema(7)},
		"MaxBytes":   {WithMaxBytes(1)},
		"MaxBlock":   {WithMaxBlock(-1)},
		"no Sync":    {WithSync(9)},
		"Memory":     {WithMemory(-1)},
		"holds cred": {nil, WithRequestHeaders("Cookie")},
	} {
		if _, err := Open(t.TempDir(), opts...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, want something with %q", err, want)
		}
	}
	if got := slices.Sorted(maps.Keys(map[string]bool{ECS.String(): true, OTel.String(): true})); !slices.Equal(got, []string{"ecs", "otel"}) {
		t.Errorf("schemas are called %v", got)
	}
}
