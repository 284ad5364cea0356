package trace

import (
	"net/http"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// Transport returns base with a client span around every request, and with the span's context in the
// headers that are sent. The caller's request is left as it is. It records the attributes and
// metrics of OpenTelemetry's conventions for HTTP clients; docs/trace.md has the list.
//
// The parent is chosen as [Start] does. The span lasts until the response's body has been read to
// the end or closed, or the request failed; as everywhere in net/http, a body must be closed.
//
// A nil base is a copy of [http.DefaultTransport] whose connections do not carry the trace of the
// request that happened to open them: a connection's goroutines serve many requests. A base of your
// own should have its DialContext, and DialTLSContext if it has one, wrapped in
// [propagate.DialContext] for that.
//
// A request on which a Transport, or otelhttp's, has already started a span is passed on untouched.
func Transport(base http.RoundTripper, opts ...Option) http.RoundTripper {
	if base == nil {
		base = defaultTransport()
	}
	cfg := newConfig(opts)
	return &transport{base: base, cfg: cfg, metrics: newInstruments(cfg, "client")}
}

type transport struct {
	base    http.RoundTripper
	cfg     *config
	metrics *instruments // nil: not wanted
}

func defaultTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport // the program has put its own there
	}
	t = t.Clone()
	if t.DialContext != nil {
		t.DialContext = propagate.DialContext(t.DialContext)
	}
	if t.DialTLSContext != nil {
		t.DialTLSContext = propagate.DialContext(t.DialTLSContext)
	}
	return t
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r == nil || !t.cfg.wants(r) || sent(r) {
		return t.base.RoundTrip(r)
	}
	c := &call{t: t, start: time.Now(), request: r}
	c.begin(r)
	defer c.closeOnPanic()
	resp, err := t.base.RoundTrip(c.request)
	c.answered(r, resp, err)
	return resp, err
}

// sent reports whether r has its client span. An otelhttp transport that does not record is known by
// the traceparent it has written. (That alone says nothing: a reverse proxy passes the one of its
// own caller on.)
func sent(r *http.Request) (done bool) {
	defer guard("look for a client span")
	switch sp := oteltrace.SpanFromContext(r.Context()).(type) {
	case *span:
		return sp.kind == oteltrace.SpanKindClient
	case interface{ SpanKind() oteltrace.SpanKind }:
		return sp.SpanKind() == oteltrace.SpanKindClient
	case oteltrace.Span:
		written := remoteSpanContext(r.Header)
		sc := sp.SpanContext()
		return written.IsValid() && written.TraceID() == sc.TraceID() && written.SpanID() == sc.SpanID()
	}
	return false
}
