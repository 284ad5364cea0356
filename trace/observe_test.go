package trace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// seen is what an observer has seen, without what differs from run to run.
type seen struct {
	Method, Route, ErrorType, Message string
	Status                            int
	Request, Response                 int64
	Panicked, Hijacked                bool
}

func observer(into *[]seen) trace.Option {
	return trace.WithObserver(func(s *trace.Served) {
		*into = append(*into, seen{
			s.Method(), s.Route, s.ErrorType, s.Message, s.Status,
			s.RequestSize, s.ResponseSize, s.Panicked, s.Hijacked,
		})
	})
}

// request sends a request and takes no notice of how the handler ends.
func request(h http.Handler, method, target, body string) {
	defer func() { _ = recover() }()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, strings.NewReader(body)))
}

func TestObserverSeesEveryEnd(t *testing.T) {
	p := record(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	var got []seen
	h := trace.Handler(mux(), trace.WithTracerProvider(p), observer(&got))
	request(h, "POST", "/echo", "12345")
	request(h, "GET", "/silent", "")
	request(h, "GET", "/nowhere", "")
	request(h, "GET", "/fail", "")
	request(h, "GET", "/panic", "")
	request(h, "GET", "/abort", "")
	request(h, "BREW", "/silent", "")
	want := []seen{
		{Method: "POST", Route: "/echo", Status: 201, Request: 5, Response: 5},
		{Method: "GET", Route: "/silent", Status: 200},
		{Method: "GET", Status: 404, Response: 19},
		{Method: "GET", Route: "/fail", Status: 503, ErrorType: "503", Response: 3},
		{Method: "GET", Route: "/panic", Status: 500, ErrorType: "string", Message: "boom\uFFFD", Panicked: true},
		{Method: "GET", Route: "/abort", ErrorType: "net/http.ErrAbortHandler", Message: "net/http: abort Handler", Panicked: true},
		{Method: "_OTHER", Route: "/silent", Status: 200},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func TestObserverSeesAHijackedConnection(t *testing.T) {
	ended := make(chan trace.Served, 1)
	srv := httptest.NewServer(trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		c.Close()
	}), trace.WithTracerProvider(record(t)), trace.WithObserver(func(s *trace.Served) { ended <- *s })))
	defer srv.Close()
	if resp, err := srv.Client().Get(srv.URL); err == nil {
		resp.Body.Close()
	}
	if s := <-ended; !s.Hijacked || s.Status != 0 || s.ErrorType != "" {
		t.Errorf("hijacked %v, status %d, error.type %q", s.Hijacked, s.Status, s.ErrorType)
	}
}

// What the observer gets is the span of the request, whoever has started it.
func TestObserverKnowsTheTrace(t *testing.T) {
	p := record(t)
	var served []trace.Served
	note := trace.WithObserver(func(s *trace.Served) { served = append(served, *s) })
	var inside oteltrace.SpanContext
	inner := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inside = oteltrace.SpanContextFromContext(r.Context())
		trace.SetRoute(r.Context(), "/set")
	})
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{
		{"ours", trace.Handler(inner, trace.WithTracerProvider(p), note)},
		{"within ours", trace.Handler(trace.Handler(inner, note), trace.WithTracerProvider(p))},
		{"both", trace.Handler(trace.Handler(inner, note), trace.WithTracerProvider(p), note)},
		{"within another library's", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, sp := p.Tracer("other").Start(r.Context(), "other", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
			defer sp.End()
			trace.Handler(inner, note).ServeHTTP(w, r.WithContext(ctx))
		})},
	} {
		served = nil
		request(c.handler, "GET", "/x", "")
		if len(served) != 1 {
			t.Fatalf("%s: observed %d times, want once", c.name, len(served))
		}
		if s := served[0]; !s.Span.Equal(inside) || !s.Span.IsValid() || s.Status != 200 || s.Start.IsZero() || s.Duration <= 0 || s.Duration > time.Hour {
			t.Errorf("%s: %+v, want span %v", c.name, s, inside)
		}
		if s := served[0]; c.name != "within another library's" && s.Route != "/set" {
			t.Errorf("%s: route %q, want the one that was set", c.name, s.Route)
		}
	}
	if got := len(p.spans.Ended()); got != 4 {
		t.Errorf("%d spans, want one a request: %v", got, p.names())
	}
}

func TestObserverWithoutSDKKnowsTheCallersTrace(t *testing.T) {
	var sc oteltrace.SpanContext
	h := trace.Handler(mux(), trace.WithObserver(func(s *trace.Served) { sc = s.Span }))
	r := httptest.NewRequest("GET", "/silent", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if sc.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || !sc.IsRemote() {
		t.Errorf("span %v", sc)
	}
}

func TestObserverThatPanics(t *testing.T) {
	h := trace.Handler(mux(), trace.WithTracerProvider(record(t)), trace.WithObserver(func(*trace.Served) { panic("observer") }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), "GET", "/items/7", nil))
	if w.Code != 200 || w.Body.String() != "7" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
