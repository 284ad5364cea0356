package trace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// retaining is a provider whose tracers look at their options later.
type retaining struct {
	oteltrace.TracerProvider
	options *[][]oteltrace.SpanStartOption
}

func (p retaining) Tracer(name string, opts ...oteltrace.TracerOption) oteltrace.Tracer {
	return retainingTracer{p.TracerProvider.Tracer(name, opts...), p.options}
}

type retainingTracer struct {
	oteltrace.Tracer
	options *[][]oteltrace.SpanStartOption
}

func (t retainingTracer) Start(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	*t.options = append(*t.options, opts)
	return t.Tracer.Start(ctx, name, opts...)
}

// What a tracer has been given stays what it was: another request's attributes never appear in it.
func TestOptionsMayBeKept(t *testing.T) {
	r := record(t)
	var kept [][]oteltrace.SpanStartOption
	h := trace.Handler(http.NotFoundHandler(), trace.WithTracerProvider(retaining{r, &kept}))
	for i := range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, fmt.Sprintf("/customer/%d", i), nil))
	}
	if len(kept) != 3 {
		t.Fatalf("%d spans", len(kept))
	}
	for i, opts := range kept {
		cfg := oteltrace.NewSpanStartConfig(opts...)
		if got, want := attrs(cfg.Attributes())["url.path"], fmt.Sprintf("/customer/%d", i); got != want {
			t.Errorf("url.path has become %v, was %s", got, want)
		}
	}
}

// Requests that are served at a time do not share their attributes.
func TestConcurrentRequestsKeepTheirAttributes(t *testing.T) {
	r := record(t)
	h := trace.Handler(http.NotFoundHandler(), trace.WithTracerProvider(r))
	const requests = 200
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			req := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/%d?n=%d", i, i), nil)
			req.Header.Set("User-Agent", fmt.Sprint("agent ", i))
			h.ServeHTTP(httptest.NewRecorder(), req)
		})
	}
	all.Wait()
	seen := map[any]bool{}
	for _, s := range r.spans.Ended() {
		a := attrs(s.Attributes())
		i := fmt.Sprint(a["url.path"])[1:]
		if seen[i] || a["url.query"] != "n="+i || a["user_agent.original"] != "agent "+i || a["http.response.status_code"] != int64(404) {
			t.Errorf("attributes %v", a)
		}
		seen[i] = true
	}
	if len(seen) != requests {
		t.Errorf("%d paths, want %d", len(seen), requests)
	}
}
