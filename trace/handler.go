package trace

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// Handler returns next with a server span around every request, named "METHOD route" and carried by
// the request's context and by the goroutine. It records the attributes and metrics of
// OpenTelemetry's conventions for HTTP servers; docs/trace.md has the list.
//
// The response stays what next makes it, as does the ResponseWriter: it has the optional interfaces
// (Flusher, Hijacker, ReaderFrom, Pusher, CloseNotifier) that the one underneath has, and
// [http.ResponseController] works. A panic is recorded and goes on with the value it had.
//
// The route comes from [http.Request.Pattern], wherever the mux is: inside next, or around. If
// something between Handler and the mux copies the request, or another router is in use, wrap the
// mux, or the routes, in a Handler once more; that one starts no span, it only passes the route on.
// [SetRoute] does it by hand.
//
// A request for which the span has already been started, by a Handler or by OpenTelemetry's otelhttp
// further out, gets no second one.
func Handler(next http.Handler, opts ...Option) http.Handler {
	cfg := newConfig(opts)
	return &handler{next: next, cfg: cfg, metrics: newInstruments(cfg, "server")}
}

type handler struct {
	next    http.Handler
	cfg     *config
	metrics *instruments // nil: not wanted
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.cfg.wants(r) {
		h.next.ServeHTTP(w, r)
		return
	}
	outer, done := served(r.Context())
	if done && !h.observes(outer) {
		defer outer.adoptRoute(r)
		h.next.ServeHTTP(w, r)
		return
	}
	x := h.open(w, r, outer, done)
	defer outer.adoptRoute(x.inner)
	defer x.close()
	h.next.ServeHTTP(x.shaped(), x.inner)
	x.returned = true
}

// served reports whether the request of ctx has its server span, and which exchange of ours it is in,
// if any. Spans of other libraries tell their kind if they are the SDK's and record; one that does
// not record, but is of this process, is a server span that was not sampled.
func served(ctx context.Context) (x *exchange, done bool) {
	defer guard("look for a server span")
	switch sp := oteltrace.SpanFromContext(ctx).(type) {
	case *span:
		return sp.entry, sp.entry != nil || sp.kind == oteltrace.SpanKindServer
	case interface{ SpanKind() oteltrace.SpanKind }:
		return nil, sp.SpanKind() == oteltrace.SpanKindServer
	case oteltrace.Span:
		sc := sp.SpanContext()
		return nil, sc.IsValid() && !sc.IsRemote() && !sc.IsSampled() && !propagate.FromContext(ctx).Ended()
	}
	return nil, false
}

// exchange is one request and its response.
type exchange struct {
	recorder

	h        *handler
	start    time.Time
	outer    *http.Request // as it came
	inner    *http.Request // as next gets it
	ctx      context.Context
	span     *span         // its own, or nil: nothing to record
	own      span          // so that it need not be allocated
	lists    lender        // for what the span is told
	around   propagate.Ref // what the goroutine carried before
	body     countedBody
	route    atomic.Pointer[string] // from SetRoute or an inner Handler
	returned bool                   // next came back: no panic, no Goexit
	within   *exchange              // whose span it is, if that is not this one's
	started  bool                   // the span and the metrics are somebody else's
}

// observes reports whether h has observers and outer, the exchange this request is in already, has
// none of its own. outer is nil if another library has started the span.
func (h *handler) observes(outer *exchange) bool {
	return len(h.cfg.observers) > 0 && (outer == nil || len(outer.h.cfg.observers) == 0)
}

// open begins an exchange. If its span has been started already, within the exchange within or by
// another library, it is there to be observed only.
func (h *handler) open(w http.ResponseWriter, r *http.Request, within *exchange, started bool) *exchange {
	x := &exchange{h: h, start: time.Now(), outer: r, ctx: r.Context(), within: within, started: started}
	x.ResponseWriter = w
	if !started {
		x.begin()
	}
	x.inner = r.WithContext(x.ctx)
	if r.Body != nil && r.Body != http.NoBody {
		x.body.ReadCloser = r.Body
		x.inner.Body = &x.body
	}
	return x
}

// begin starts the span. Whatever fails in there, x.ctx is a context to work with.
func (x *exchange) begin() {
	r := x.outer
	x.ctx = r.Context()
	defer guard("start server span")
	ctx := x.h.received(r)
	method, _ := methodOf(r)
	tr := x.h.cfg.tracers.find()
	list := tr.lists.lend()
	defer tr.lists.back(list)
	opts := list.start(r)
	if remote := oteltrace.SpanContextFromContext(ctx); x.h.cfg.linked && remote.IsRemote() {
		opts = append(opts, oteltrace.WithNewRoot(), oteltrace.WithLinks(oteltrace.Link{SpanContext: remote}))
	}
	// No outer: what this goroutine carried before is the server's business, not the request's.
	s := &x.own
	ctx = s.start(ctx, tr.tracer, spanName(method, r.Pattern, routeOf(r.Pattern)), propagate.Ref{}, opts)
	x.ctx = ctx
	if s.Span == nil {
		return
	}
	x.span, x.lists, s.entry, s.kind = s, tr.lists, x, oteltrace.SpanKindServer
	x.around, _ = propagate.Origin()
	s.enter(ctx)
}

// SetRoute sets http.route and the name of the server span that ctx belongs to, for routers that
// [Handler] does not know. It takes precedence over [http.Request.Pattern]. The route must be the
// pattern, not the path: it names metrics. Outside of a request it does nothing.
func SetRoute(ctx context.Context, route string) {
	if s := spanOf(ctx); s != nil && s.entry != nil {
		s.entry.setRoute(utf8Only(route))
	}
}

func (x *exchange) setRoute(route string) { x.route.Store(&route) }

// adoptRoute takes the route that a mux found for r, unless somebody has said it already. x is nil
// within other libraries' spans.
func (x *exchange) adoptRoute(r *http.Request) {
	if x == nil {
		return
	}
	if route := routeOf(r.Pattern); route != "" {
		x.route.CompareAndSwap(nil, &route)
	}
}

// matched returns http.route, empty if no mux had one.
func (x *exchange) matched() string {
	if p := x.route.Load(); p != nil {
		return *p
	}
	if r := x.inner; r.Method != http.MethodConnect { // there the mux gives the path for a pattern
		return routeOf(r.Pattern)
	}
	return ""
}
