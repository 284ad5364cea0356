package trace_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// mux answers in every way a handler can.
func mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.PathValue("id")) })
	m.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	})
	m.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	m.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	m.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("boom\xff") })
	m.HandleFunc("/late-panic", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "a"); panic(io.ErrUnexpectedEOF) })
	m.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	m.HandleFunc("/dir/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "dir") })
	return m
}

func TestServerSpans(t *testing.T) {
	type want struct {
		name   string
		status codes.Code
		attrs  map[string]any
		events int
	}
	// Go 1.26 redirects with another status than 1.25.
	redirect := httptest.NewRecorder()
	mux().ServeHTTP(redirect, httptest.NewRequest(http.MethodGet, "/dir", nil))
	for _, c := range []struct {
		method, path, body string
		want               want
	}{
		{"GET", "/items/1?sig=s", "", want{"GET /items/{id}", codes.Unset, map[string]any{
			"http.route": "/items/{id}", "http.response.status_code": int64(200), "http.response.body.size": int64(1), "url.query": "sig=REDACTED",
		}, 0}},
		{"POST", "/echo", "12345", want{"POST /echo", codes.Unset, map[string]any{
			"http.route": "/echo", "http.response.status_code": int64(201), "http.request.body.size": int64(5), "http.response.body.size": int64(5),
		}, 0}},
		{"GET", "/silent", "", want{"GET /silent", codes.Unset, map[string]any{"http.route": "/silent", "http.response.status_code": int64(200)}, 0}},
		{"HEAD", "/dir/x", "", want{"HEAD /dir/", codes.Unset, map[string]any{"http.route": "/dir/", "http.response.status_code": int64(200)}, 0}},
		{"GET", "/dir", "", want{"GET /dir/", codes.Unset, map[string]any{
			"http.route": "/dir/", "http.response.status_code": int64(redirect.Code), "http.response.body.size": int64(redirect.Body.Len()),
		}, 0}},
		{"GET", "/missing", "", want{"GET", codes.Unset, map[string]any{"http.response.status_code": int64(404), "http.response.body.size": int64(19)}, 0}},
		{"DELETE", "/echo", "", want{"DELETE", codes.Unset, map[string]any{"http.response.status_code": int64(405), "http.response.body.size": int64(19)}, 0}},
		{"GET", "/fail", "", want{"GET /fail", codes.Error, map[string]any{
			"http.route": "/fail", "http.response.status_code": int64(503), "http.response.body.size": int64(3), "error.type": "503",
		}, 0}},
		{"BREW", "/silent", "", want{"HTTP /silent", codes.Unset, map[string]any{
			"http.route": "/silent", "http.response.status_code": int64(200), "http.request.method_original": "BREW", "http.request.method": "_OTHER",
		}, 0}},
		{"GET", "/panic", "", want{"GET /panic", codes.Error, map[string]any{"http.route": "/panic", "http.response.status_code": int64(500), "error.type": "string"}, 1}},
		{"GET", "/late-panic", "", want{"GET /late-panic", codes.Error, map[string]any{
			"http.route": "/late-panic", "http.response.status_code": int64(200), "http.response.body.size": int64(1), "error.type": "*errors.errorString",
		}, 1}},
		{"GET", "/abort", "", want{"GET /abort", codes.Error, map[string]any{"http.route": "/abort", "error.type": "net/http.ErrAbortHandler"}, 1}},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			r := record(t)
			s := httptest.NewUnstartedServer(trace.Handler(mux(), trace.WithTracerProvider(r)))
			silence(s)
			s.Start()
			defer s.Close()
			req, err := http.NewRequestWithContext(bg, c.method, s.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.body == "" {
				req.Body = http.NoBody
			}
			req.Header.Set("User-Agent", "test")
			if resp, err := s.Client().Transport.RoundTrip(req); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			s.Close()
			got := r.span(t, c.want.name)
			if got.Status().Code != c.want.status || got.SpanKind() != oteltrace.SpanKindServer || len(got.Events()) != c.want.events {
				t.Errorf("status %v, kind %v, events %v", got.Status(), got.SpanKind(), got.Events())
			}
			m := attrs(got.Attributes())
			host, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
			all := map[string]any{
				"http.request.method": c.method, "url.scheme": "http", "url.path": strings.Split(c.path, "?")[0],
				"server.address": host, "network.peer.address": host, "client.address": host,
				"network.protocol.version": "1.1", "user_agent.original": "test",
			}
			maps.Copy(all, c.want.attrs)
			if fmt.Sprint(m["server.port"]) != port || m["network.peer.port"] == nil {
				t.Errorf("ports %v and %v, the server's is %s", m["server.port"], m["network.peer.port"], port)
			}
			delete(m, "server.port")
			delete(m, "network.peer.port")
			if d := cmp.Diff(all, m); d != "" {
				t.Errorf("attributes (-want +got):\n%s", d)
			}
		})
	}
}

func TestPanicValueIsUnchanged(t *testing.T) {
	r := record(t)
	for _, value := range []any{http.ErrAbortHandler, "boom", 7, fmt.Errorf("x: %w", io.EOF)} {
		h := trace.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(value) }), trace.WithTracerProvider(r))
		func() {
			defer func() {
				if got := recover(); got != value {
					t.Errorf("panicked with %v, want %v", got, value)
				}
			}()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}()
		propagate.Ref{}.Enter()
	}
	events := r.spans.Ended()[1].Events()
	ev := attrs(events[0].Attributes)
	stack, _ := ev["exception.stacktrace"].(string)
	if ev["exception.type"] != "string" || ev["exception.message"] != "boom" || !strings.Contains(stack, "TestPanicValueIsUnchanged") {
		t.Errorf("event %v", ev)
	}
}

func TestIncomingContext(t *testing.T) {
	needs := func(t *testing.T, opts ...trace.Option) (sdktrace.ReadOnlySpan, string) {
		t.Helper()
		r := record(t)
		var member atomic.Value
		url, c := serve(t, trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			member.Store(baggage.FromContext(req.Context()).Member("k").Value())
			if !propagate.Ambient() {
				return
			}
			if got, want := propagate.Current().SpanContext(), oteltrace.SpanContextFromContext(req.Context()); got.SpanID() != want.SpanID() {
				t.Errorf("ambient span %s, the context has %s", got.SpanID(), want.SpanID())
			}
		}), append(opts, trace.WithTracerProvider(r))...))
		get(t, c, url, "Traceparent", exampleTraceparent, "Tracestate", "a=b", "Baggage", "k=v")
		return r.span(t, "GET"), member.Load().(string)
	}
	t.Run("honoured", func(t *testing.T) {
		s, member := needs(t)
		if got := s.SpanContext().TraceID().String(); got != exampleTraceparent[3:35] {
			t.Errorf("trace %s", got)
		}
		if got := s.Parent(); got.SpanID().String() != exampleTraceparent[36:52] || !got.IsRemote() {
			t.Errorf("parent %v", got)
		}
		if got := s.SpanContext().TraceState().String(); got != "a=b" {
			t.Errorf("tracestate %q", got)
		}
		if member != "v" {
			t.Errorf("baggage %q", member)
		}
	})
	t.Run("linked", func(t *testing.T) {
		s, _ := needs(t, trace.WithLinkedRemote())
		if len(s.Links()) != 1 || s.Links()[0].SpanContext.TraceID().String() != exampleTraceparent[3:35] {
			t.Fatalf("links %v", s.Links())
		}
		wantRoot(t, s, s.Links()[0].SpanContext)
		if s.SpanContext().TraceID() == s.Links()[0].SpanContext.TraceID() {
			t.Error("the trace is the caller's")
		}
	})
}

// A server started within a span has connection goroutines that inherited it; its requests are not
// that span's children.
func TestRequestsAreNotChildrenOfWhatStartedTheServer(t *testing.T) {
	r := global(t)
	_, s := trace.Start(bg, "main")
	url, c := serve(t, trace.Handler(mux()))
	get(t, c, url+"/items/1")
	s.End()
	wantRoot(t, r.span(t, "GET /items/{id}"))
}

// A span that a handler starts, and somebody else ends later, does not stay on the connection's goroutine:
// what runs there next belongs to another request.
func TestSpanThatOutlivesItsRequest(t *testing.T) {
	r := global(t)
	left := make(chan oteltrace.Span, 1)
	h := trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, s := trace.Start(req.Context(), "later")
		left <- s
	}))
	around := propagate.Current()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if got, _ := propagate.Origin(); got != around {
		t.Errorf("the goroutine is left with span %v", got.SpanContext().SpanID())
	}
	(<-left).End()
	wantParent(t, r.span(t, "later"), r.span(t, "GET").SpanContext())
}

func TestStartWithinARequest(t *testing.T) {
	r := record(t) // not the global provider: children come from their parent's
	url, c := serve(t, trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, a := trace.Start(req.Context(), "a")
		a.End()
		elsewhere(func() {
			_, b := trace.Start(req.Context(), "b")
			b.End()
		})
	}), trace.WithTracerProvider(r)))
	get(t, c, url)
	server := r.span(t, "GET")
	wantParent(t, r.span(t, "a"), server.SpanContext())
	wantParent(t, r.span(t, "b"), server.SpanContext())
}

func TestRouteReachesTheSpan(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	copying := func(next http.Handler) http.Handler { // what authentication middleware does
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			type key struct{}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, 1)))
		})
	}
	m := http.NewServeMux()
	m.Handle("/x/{id}", ok)
	inside := http.NewServeMux()
	inside.Handle("GET /x/{id}", trace.Handler(ok))
	router := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { trace.SetRoute(r.Context(), "/by-hand/:id") })
	for name, c := range map[string]struct {
		h    http.Handler
		want string
	}{
		"around the mux":        {m, "GET /x/{id}"},
		"inside of the mux":     {inside, "GET /x/{id}"},
		"beyond a copy":         {copying(m), "GET"},
		"passed on beyond it":   {copying(trace.Handler(m)), "GET /x/{id}"},
		"of a stranger's route": {copying(router), "GET /by-hand/:id"},
	} {
		t.Run(name, func(t *testing.T) {
			r := global(t)
			h := trace.Handler(c.h)
			if name == "inside of the mux" {
				h = c.h
			}
			url, cl := serve(t, h)
			get(t, cl, url+"/x/1")
			s := r.span(t, c.want)
			if route, _ := attrs(s.Attributes())["http.route"].(string); "GET "+route != c.want && c.want != "GET" {
				t.Errorf("http.route %q", route)
			}
			if n := len(r.spans.Ended()); n != 1 {
				t.Errorf("%d spans, want one", n)
			}
		})
	}
	trace.SetRoute(bg, "/nowhere") // nothing to do, and nothing done
}

func TestOuterMiddlewareSeesThePattern(t *testing.T) {
	var pattern atomic.Value
	h := trace.Handler(mux())
	url, c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		pattern.Store(r.Pattern)
	}))
	get(t, c, url+"/items/1")
	if got := pattern.Load(); got != "GET /items/{id}" {
		t.Errorf("pattern %q", got)
	}
}

func TestFilteredRequestsAreLeftAlone(t *testing.T) {
	r := record(t)
	url, c := serve(t, trace.Handler(mux(), trace.WithTracerProvider(r),
		trace.WithFilter(func(r *http.Request) bool { return r.URL.Path != "/silent" }), trace.WithFilter(nil)))
	get(t, c, url+"/silent")
	get(t, c, url+"/items/1")
	if got := r.names(); len(got) != 1 || got[0] != "GET /items/{id}" {
		t.Errorf("spans %v", got)
	}
}

// A server span that a stranger's middleware has started is the only one.
func TestNoSecondServerSpan(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{"sampled": sdktrace.AlwaysSample(), "not sampled": sdktrace.NeverSample()} {
		t.Run(name, func(t *testing.T) {
			r := global(t, sdktrace.WithSampler(sampler))
			started := 0
			h := trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				if !oteltrace.SpanContextFromContext(req.Context()).IsValid() {
					t.Error("the span is lost")
				}
			}), trace.WithTracerProvider(counting{r.TracerProvider, &started}))
			url, c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				ctx, s := r.Tracer("stranger").Start(req.Context(), "theirs", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
				defer s.End()
				h.ServeHTTP(w, req.WithContext(ctx))
			}))
			get(t, c, url)
			if started != 0 {
				t.Errorf("%d spans were started within the stranger's", started)
			}
		})
	}
}

// counting counts the spans started by way of it.
type counting struct {
	oteltrace.TracerProvider
	n *int
}

func (c counting) Tracer(name string, opts ...oteltrace.TracerOption) oteltrace.Tracer {
	return countingTracer{c.TracerProvider.Tracer(name, opts...), c.n}
}

type countingTracer struct {
	oteltrace.Tracer
	n *int
}

func (c countingTracer) Start(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	*c.n++
	return c.Tracer.Start(ctx, name, opts...)
}
