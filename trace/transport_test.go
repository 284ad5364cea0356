package trace_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// upstream answers with the traceparent it got in a header, and with the status the path asks for.
func upstream() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Got-Traceparent", r.Header.Get("Traceparent"))
		w.Header().Set("Got-Tracestate", r.Header.Get("Tracestate"))
		var code int
		if _, err := fmt.Sscanf(r.URL.Path, "/status/%d", &code); err == nil {
			w.WriteHeader(code)
		}
		_, _ = io.Copy(w, r.Body)
	})
}

func client(rt http.RoundTripper) *http.Client { return &http.Client{Transport: rt} }

func send(t testing.TB, c *http.Client, ctx context.Context, method, url, body string) *http.Response { //nolint:revive // t and c are the fixture
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func drain(t testing.TB, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestClientSpans(t *testing.T) {
	base, _ := serve(t, upstream())
	host, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	for _, c := range []struct {
		method, path, body string
		status             codes.Code
		attrs              map[string]any
	}{
		{"GET", "/a?sig=1", "", codes.Unset, map[string]any{"http.response.status_code": int64(200), "url.full": base + "/a?sig=REDACTED"}},
		{"POST", "/a", "12345", codes.Unset, map[string]any{
			"http.response.status_code": int64(200), "url.full": base + "/a", "http.request.body.size": int64(5), "http.response.body.size": int64(5),
		}},
		{"GET", "/status/404", "", codes.Error, map[string]any{"http.response.status_code": int64(404), "url.full": base + "/status/404", "error.type": "404"}},
		{"GET", "/status/503", "", codes.Error, map[string]any{"http.response.status_code": int64(503), "url.full": base + "/status/503", "error.type": "503"}},
		{"GET", "/status/304", "", codes.Unset, map[string]any{"http.response.status_code": int64(304), "url.full": base + "/status/304"}},
		{"HEAD", "/a", "", codes.Unset, map[string]any{"http.response.status_code": int64(200), "url.full": base + "/a"}},
	} {
		t.Run(c.method+c.path, func(t *testing.T) {
			r := global(t)
			cl := client(trace.Transport(nil))
			defer cl.CloseIdleConnections()
			ctx, parent := trace.Start(bg, "parent")
			resp := send(t, cl, ctx, c.method, base+c.path, c.body)
			if got := drain(t, resp); c.method == "POST" && got != c.body {
				t.Errorf("body %q", got)
			}
			parent.End()
			s := r.span(t, c.method)
			wantParent(t, s, parent.SpanContext())
			if s.SpanKind() != oteltrace.SpanKindClient || s.Status().Code != c.status {
				t.Errorf("kind %v, status %v", s.SpanKind(), s.Status())
			}
			want := map[string]any{
				"http.request.method": c.method, "server.address": host, "network.protocol.version": "1.1",
			}
			maps.Copy(want, c.attrs)
			got := attrs(s.Attributes())
			if fmt.Sprint(got["server.port"]) != port {
				t.Errorf("server.port %v, want %s", got["server.port"], port)
			}
			delete(got, "server.port")
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("attributes (-want +got):\n%s", d)
			}
			if p := resp.Header.Get("Got-Traceparent"); !strings.Contains(p, s.SpanContext().SpanID().String()) {
				t.Errorf("sent traceparent %q, the span is %s", p, s.SpanContext().SpanID())
			}
		})
	}
}

func TestAmbientParentOfAClientSpan(t *testing.T) {
	needAmbient(t)
	r := global(t)
	base, _ := serve(t, upstream())
	cl := client(trace.Transport(nil))
	defer cl.CloseIdleConnections()
	_, parent := trace.Start(bg, "parent")
	drain(t, send(t, cl, bg, "GET", base, ""))
	parent.End()
	wantParent(t, r.span(t, "GET"), parent.SpanContext())
}

func TestCallersRequestIsLeftAlone(t *testing.T) {
	global(t)
	base, _ := serve(t, upstream())
	req, err := http.NewRequestWithContext(bg, http.MethodGet, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", "y")
	before := req.Header.Clone()
	rt := trace.Transport(nil)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	drain(t, resp)
	client(rt).CloseIdleConnections()
	if d := cmp.Diff(before, req.Header); d != "" {
		t.Errorf("header (-before +after):\n%s", d)
	}
	if resp.Request != req {
		t.Error("the response is to another request than the caller's")
	}
}

func TestSpanLastsAsLongAsTheBody(t *testing.T) {
	r := global(t)
	more := make(chan struct{})
	base, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-more
		fmt.Fprint(w, "x")
	}))
	cl := client(trace.Transport(nil))
	defer cl.CloseIdleConnections()
	for name, finish := range map[string]func(io.ReadCloser){
		"read":          func(b io.ReadCloser) { _, _ = io.ReadAll(b) },
		"closed unread": func(b io.ReadCloser) { _ = b.Close() },
		"closed twice":  func(b io.ReadCloser) { _, _ = io.ReadAll(b); _ = b.Close(); _ = b.Close() },
	} {
		resp := send(t, cl, bg, "GET", base, "")
		before := len(r.spans.Ended())
		select {
		case more <- struct{}{}:
		default:
			go func() { more <- struct{}{} }()
		}
		finish(resp.Body)
		if got := len(r.spans.Ended()); got != before+1 {
			t.Errorf("%s: %d spans ended by the body's end, want one", name, got-before)
		}
		_ = resp.Body.Close()
	}
}

func TestFailedRequests(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	base, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, "x")
			return
		}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	timeout := func() (context.Context, context.CancelFunc) { return context.WithTimeout(bg, time.Millisecond) }
	canceled := func() (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(bg)
		cancel()
		return ctx, cancel
	}
	plain := func() (context.Context, context.CancelFunc) { return bg, func() {} }
	boom := fmt.Errorf("boom\xff: %w", io.ErrNoProgress)
	for _, c := range []struct {
		name, path string
		ctx        func() (context.Context, context.CancelFunc)
		rt         http.RoundTripper
		errorType  string
	}{
		{"timeout", "/", timeout, nil, "timeout"},
		{"canceled", "/", canceled, nil, "canceled"},
		{"body cut off", "/cut", plain, nil, "*errors.errorString"},
		{"base fails", "/", plain, roundTripper(func(*http.Request) (*http.Response, error) { return nil, boom }), "*errors.errorString"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := global(t)
			rt := trace.Transport(c.rt)
			defer client(rt).CloseIdleConnections()
			ctx, cancel := c.ctx()
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := rt.RoundTrip(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if err == nil {
				t.Fatal("no error")
			}
			if c.rt != nil && !errors.Is(err, boom) {
				t.Errorf("error %v, want the base's", err)
			}
			s := r.span(t, "GET")
			if got := attrs(s.Attributes())["error.type"]; got != c.errorType {
				t.Errorf("error.type %v, want %s", got, c.errorType)
			}
			if s.Status().Code != codes.Error || s.Status().Description != strings.ToValidUTF8(err.Error(), "\uFFFD") {
				t.Errorf("status %v, want %v", s.Status(), err)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPanicOfTheBaseGoesOn(t *testing.T) {
	r := global(t)
	rt := trace.Transport(roundTripper(func(*http.Request) (*http.Response, error) { panic("boom") }))
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v", p)
			}
		}()
		_, _ = rt.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com", nil))
	}()
	if s := r.span(t, "GET"); s.Status().Code != codes.Error || attrs(s.Attributes())["error.type"] != "string" {
		t.Errorf("%v %v", s.Status(), s.Attributes())
	}
}

// Bodies keep the interfaces they have.
func TestBodiesKeepTheirInterfaces(t *testing.T) {
	type rw interface {
		io.ReadCloser
		io.Writer
	}
	plain := io.NopCloser(struct{ io.Reader }{strings.NewReader("abc")})
	for _, c := range []struct {
		name           string
		body           io.ReadCloser
		write, writeTo bool
	}{
		{"plain", plain, false, false},
		{"writer", struct{ rw }{nopRW{strings.NewReader("abc"), &bytes.Buffer{}}}, true, false},
		{"writer to", io.NopCloser(strings.NewReader("abc")), false, true},
		{"both", nopRWT{nopRW{strings.NewReader("abc"), &bytes.Buffer{}}}, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := global(t)
			rt := trace.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: c.body}, nil
			}))
			resp, err := rt.RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com", nil))
			if err != nil {
				t.Fatal(err)
			}
			w, write := resp.Body.(io.Writer)
			wt, writeTo := resp.Body.(io.WriterTo)
			if write != c.write || writeTo != c.writeTo {
				t.Errorf("Writer %v, WriterTo %v, want %v, %v", write, writeTo, c.write, c.writeTo)
			}
			if write {
				if n, err := w.Write([]byte("hello")); n != 5 || err != nil {
					t.Errorf("Write: %d, %v", n, err)
				}
			}
			var out strings.Builder
			if writeTo {
				_, err = wt.WriteTo(&out)
			} else {
				_, err = io.Copy(&out, resp.Body)
			}
			if err != nil || out.String() != "abc" {
				t.Errorf("read %q, %v", out.String(), err)
			}
			if got := attrs(r.span(t, "GET").Attributes())["http.response.body.size"]; got != int64(3) {
				t.Errorf("size %v", got)
			}
		})
	}
}

type nopRW struct {
	*strings.Reader
	w io.Writer
}

func (b nopRW) Write(p []byte) (int, error) { return b.w.Write(p) }
func (nopRW) Close() error                  { return nil }

type nopRWT struct{ nopRW }

func (b nopRWT) WriteTo(w io.Writer) (int64, error) { return b.Reader.WriteTo(w) }

func TestTrailersAreTheCallers(t *testing.T) {
	global(t)
	got := make(chan string, 1)
	base, _ := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r.Trailer.Get("Sum")
	}))
	cl := client(trace.Transport(nil))
	defer cl.CloseIdleConnections()
	req, err := http.NewRequestWithContext(bg, http.MethodPost, base, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{"Sum": nil}
	// The trailer is set while the body is read, on the map that the caller has.
	req.Body = io.NopCloser(io.MultiReader(strings.NewReader("abc"), readerFunc(func([]byte) (int, error) {
		req.Trailer.Set("Sum", "123")
		return 0, io.EOF
	})))
	resp, err := cl.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	drain(t, resp)
	if sum := <-got; sum != "123" {
		t.Errorf("the server got the trailer %q", sum)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNoSecondClientSpan(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{"sampled": sdktrace.AlwaysSample(), "not sampled": sdktrace.NeverSample()} {
		t.Run(name, func(t *testing.T) {
			r := global(t, sdktrace.WithSampler(sampler))
			base, _ := serve(t, upstream())
			started := 0
			ours := trace.Transport(trace.Transport(nil, trace.WithTracerProvider(counting{r.TracerProvider, &started})))
			drain(t, send(t, client(ours), bg, "GET", base, ""))
			stranger := roundTripper(func(req *http.Request) (*http.Response, error) {
				ctx, s := r.Tracer("stranger").Start(req.Context(), "theirs", oteltrace.WithSpanKind(oteltrace.SpanKindClient))
				defer s.End()
				req = req.Clone(ctx)
				theirs.Inject(ctx, propagationHeader(req.Header))
				return trace.Transport(nil, trace.WithTracerProvider(counting{r.TracerProvider, &started})).RoundTrip(req)
			})
			drain(t, send(t, client(stranger), bg, "GET", base, ""))
			if started != 0 {
				t.Errorf("%d spans were started within another client span", started)
			}
		})
	}
}

// A reverse proxy forwards the headers of its own caller; the next server is the proxy's callee.
func TestReverseProxyPassesItsOwnContextOn(t *testing.T) {
	r := global(t)
	base, _ := serve(t, upstream())
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	rt := trace.Transport(nil)
	defer client(rt).CloseIdleConnections()
	proxy := &httputil.ReverseProxy{Transport: rt, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	front, c := serve(t, trace.Handler(proxy, trace.WithLinkedRemote()))
	req, err := http.NewRequestWithContext(bg, http.MethodGet, front, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Traceparent", exampleTraceparent)
	req.Header.Set("Tracestate", "a=b")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	drain(t, resp)
	var out sdktrace.ReadOnlySpan
	for _, s := range r.spans.Ended() {
		if s.SpanKind() == oteltrace.SpanKindClient {
			out = s
		}
	}
	if out == nil {
		t.Fatalf("no client span among %v", r.names())
	}
	if got := resp.Header.Get("Got-Traceparent"); !strings.Contains(got, out.SpanContext().SpanID().String()) {
		t.Errorf("the callee got %q, not the proxy's span %s", got, out.SpanContext().SpanID())
	}
	if got := resp.Header.Get("Got-Tracestate"); got != "" {
		t.Errorf("the callee got the tracestate %q of another trace", got)
	}
}

// The goroutines of a connection outlive the request that opened it.
func TestConnectionsDoNotCarryTheTrace(t *testing.T) {
	needAmbient(t)
	global(t)
	base, _ := serve(t, upstream())
	cl := client(trace.Transport(nil))
	defer cl.CloseIdleConnections()
	ctx, s := trace.Start(bg, "a")
	drain(t, send(t, cl, ctx, "GET", base, ""))
	s.End()
	var b strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	loops := 0
	for block := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(block, "persistConn") {
			loops++
			if strings.Contains(block, s.SpanContext().TraceID().String()) {
				t.Errorf("a connection carries the trace:\n%s", block)
			}
		}
	}
	if loops == 0 {
		t.Error("no connection is open: the test shows nothing")
	}
}

func TestDefaultTransportOfAProgramsOwn(t *testing.T) {
	global(t)
	var used atomic.Bool
	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = roundTripper(func(*http.Request) (*http.Response, error) {
		used.Store(true)
		return &http.Response{StatusCode: 200}, nil
	})
	resp, err := trace.Transport(nil).RoundTrip(httptest.NewRequest(http.MethodGet, "http://example.com", nil))
	if err != nil || !used.Load() || resp.Body != nil {
		t.Errorf("%v, %v, used: %v", resp, err, used.Load())
	}
}

func TestFilteredClientRequests(t *testing.T) {
	r := global(t)
	base, _ := serve(t, upstream())
	rt := trace.Transport(nil, trace.WithFilter(func(*http.Request) bool { return false }))
	defer client(rt).CloseIdleConnections()
	resp := send(t, client(rt), bg, "GET", base, "")
	drain(t, resp)
	if got := resp.Header.Get("Got-Traceparent"); got != "" || len(r.spans.Ended()) != 0 {
		t.Errorf("sent %q, spans %v", got, r.names())
	}
}

func TestDetachedClientRequest(t *testing.T) {
	r := global(t)
	base, _ := serve(t, upstream())
	rt := trace.Transport(nil)
	defer client(rt).CloseIdleConnections()
	ctx, a := trace.Start(bg, "a")
	drain(t, send(t, client(rt), propagate.Detach(ctx), "GET", base, ""))
	a.End()
	wantRoot(t, r.span(t, "GET"), a.SpanContext())
}
