package requestlog

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace"
)

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ h http.Header }

func (w nowhere) Header() http.Header         { return w.h }
func (w nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w nowhere) WriteHeader(int)             {}

// BenchmarkRequest is one request through trace.Handler, its trace not sampled, with
// the request log and without: the difference is what the log adds.
func BenchmarkRequest(b *testing.B) {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	defer func() { _ = tp.Shutdown(context.Background()) }()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}/pay", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	r := httptest.NewRequest("POST", "https://shop.example/orders/4711/pay?currency=EUR&page=2", nil)
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36")
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	for _, c := range []struct {
		name string
		with bool
		opts []Option
	}{
		{name: "log=off"},
		{name: "log=ecs", with: true},
		{name: "log=otel", with: true, opts: []Option{WithSchema(OTel)}},
		{name: "log=ecs,headers=2", with: true, opts: []Option{WithRequestHeaders("Traceparent", "X-Absent")}},
	} {
		b.Run(c.name, func(b *testing.B) {
			opts := []trace.Option{trace.WithTracerProvider(tp), trace.WithoutMetrics()}
			var l *Log
			if c.with {
				l = open(b, b.TempDir(), append(c.opts, WithDropOldest(), WithMaxBytes(256<<20))...)
				opts = append(opts, trace.WithObserver(l.Observe))
			}
			h, w := trace.Handler(mux, opts...), nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
			if l == nil {
				return
			}
			b.StopTimer()
			closeLog(b, l)
			if s := l.Stats(); len(s.Dropped) > 0 {
				b.Errorf("dropped %v", s.Dropped)
			}
		})
	}
}

// BenchmarkDocuments is how many documents reach the file system in a second, from
// two goroutines and more: none is dropped, the slower side waits.
func BenchmarkDocuments(b *testing.B) {
	l := open(b, b.TempDir(), WithDropOldest(), WithMaxBytes(256<<20), WithMaxBlock(patience))
	s := served()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			l.Observe(s)
		}
	})
	closeLog(b, l)
	b.StopTimer()
	if st := l.Stats(); st.Written != uint64(b.N) {
		b.Errorf("%d of %d written", st.Written, b.N)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}
