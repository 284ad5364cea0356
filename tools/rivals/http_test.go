package rivals

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

func mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.PathValue("id")) })
	return m
}

// TestOneSpanWithBoth puts both instrumentations around the same requests, in both orders: there is
// one server span and one client span, with a caller's context and without, sampled and not.
func TestOneSpanWithBoth(t *testing.T) {
	theirServer := func(h http.Handler) http.Handler { return otelhttp.NewHandler(h, "") }
	ourServer := func(h http.Handler) http.Handler { return trace.Handler(h) }
	theirClient := func(rt http.RoundTripper) http.RoundTripper { return otelhttp.NewTransport(rt) }
	ourClient := func(rt http.RoundTripper) http.RoundTripper { return trace.Transport(rt) }
	otel.SetTextMapPropagator(trace.Propagator())
	for _, c := range []struct {
		name   string
		server http.Handler
		client http.RoundTripper
	}{
		{"ours within theirs", theirServer(ourServer(mux())), theirClient(ourClient(nil))},
		{"theirs within ours", ourServer(theirServer(mux())), ourClient(theirClient(http.DefaultTransport))},
	} {
		t.Run(c.name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
			otel.SetTracerProvider(tp)
			s := httptest.NewServer(c.server)
			defer s.Close()
			resp, err := (&http.Client{Transport: c.client}).Get(s.URL + "/items/1")
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			s.Close()
			kinds := map[oteltrace.SpanKind]int{}
			for _, s := range spans.Ended() {
				kinds[s.SpanKind()]++
			}
			if kinds[oteltrace.SpanKindServer] != 1 || kinds[oteltrace.SpanKindClient] != 1 || len(spans.Ended()) != 2 {
				t.Errorf("spans by kind %v, want one server's and one client's", kinds)
			}
		})
	}
}

// discard takes spans and counts them as sent.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"

// BenchmarkServer compares the middlewares on one request in process, with the official SDK beneath
// both: a batch processor whose exporter takes everything at once, and no metrics. In "parent not
// sampled" the caller has decided so.
func BenchmarkServer(b *testing.B) {
	provider := func() oteltrace.TracerProvider {
		tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(discard{}))
		b.Cleanup(func() { _ = tp.Shutdown(context.Background()) })
		return tp
	}
	w3c := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	for _, flag := range []string{"1", "0"} {
		for _, c := range []struct {
			name string
			h    http.Handler
		}{
			{"bare", mux()},
			{"otelhttp", otelhttp.NewHandler(mux(), "", otelhttp.WithTracerProvider(provider()), otelhttp.WithPropagators(w3c), otelhttp.WithMeterProvider(noop.NewMeterProvider()))},
			{"clew", trace.Handler(mux(), trace.WithTracerProvider(provider()), trace.WithoutMetrics(), trace.WithPropagator(trace.Propagator()))},
		} {
			b.Run("sampled="+flag+"/"+c.name, func(b *testing.B) {
				r := httptest.NewRequest(http.MethodGet, "/items/1", nil)
				r.Header.Set("Traceparent", parent+flag)
				r.Header.Set("User-Agent", "bench")
				w := httptest.NewRecorder()
				b.ReportAllocs()
				for b.Loop() {
					w.Body.Reset()
					r.Pattern = ""
					c.h.ServeHTTP(w, r)
				}
				if w.Body.String() != "1" {
					b.Fatalf("answered %q", w.Body)
				}
			})
		}
	}
}
