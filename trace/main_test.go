package trace_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorded is a provider that keeps what was ended, in order.
type recorded struct {
	*sdktrace.TracerProvider
	spans *tracetest.SpanRecorder
}

func record(t testing.TB, opts ...sdktrace.TracerProviderOption) recorded {
	t.Helper()
	r := recorded{spans: tracetest.NewSpanRecorder()}
	r.TracerProvider = sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(r.spans))...)
	t.Cleanup(func() { _ = r.Shutdown(context.Background()) })
	return r
}

// global is record for the global provider.
func global(t testing.TB, opts ...sdktrace.TracerProviderOption) recorded {
	t.Helper()
	r := record(t, opts...)
	otel.SetTracerProvider(r.TracerProvider)
	// Not what was there before: the API's placeholder keeps to the first provider ever set.
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	return r
}

// span returns the one span ended under that name.
func (r recorded) span(t testing.TB, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	var found []sdktrace.ReadOnlySpan
	for _, s := range r.spans.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans named %q among %v, want 1", len(found), name, r.names())
	}
	return found[0]
}

func (r recorded) names() (names []string) {
	for _, s := range r.spans.Ended() {
		names = append(names, s.Name())
	}
	return names
}

func attrs(kvs []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

func wantParent(t testing.TB, child sdktrace.ReadOnlySpan, parent oteltrace.SpanContext) {
	t.Helper()
	if got := child.Parent(); got.SpanID() != parent.SpanID() || child.SpanContext().TraceID() != parent.TraceID() {
		t.Errorf("%s is under %s in trace %s, want under %s in trace %s", child.Name(),
			got.SpanID(), child.SpanContext().TraceID(), parent.SpanID(), parent.TraceID())
	}
}

func wantRoot(t testing.TB, s sdktrace.ReadOnlySpan, links ...oteltrace.SpanContext) {
	t.Helper()
	if s.Parent().IsValid() {
		t.Errorf("%s is under %s, want a root", s.Name(), s.Parent().SpanID())
	}
	if len(s.Links()) != len(links) {
		t.Fatalf("%s has %d links, want %d", s.Name(), len(s.Links()), len(links))
	}
	for i, l := range s.Links() {
		if l.SpanContext.TraceID() != links[i].TraceID() || l.SpanContext.SpanID() != links[i].SpanID() {
			t.Errorf("%s is linked to %v, want %v", s.Name(), l.SpanContext, links[i])
		}
	}
}

// serve runs h on a real server and returns its address and client.
func serve(t testing.TB, h http.Handler) (url string, c *http.Client) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL, s.Client()
}

// get sends a request and returns the response's body.
func get(t testing.TB, c *http.Client, url string, header ...string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// silence is for servers whose handlers are meant to panic.
func silence(s *httptest.Server) { s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) }

func propagationHeader(h http.Header) propagation.HeaderCarrier { return propagation.HeaderCarrier(h) }
