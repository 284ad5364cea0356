package tail

import (
	"container/list"
	"context"
	"math"
	"sync"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// maxRoutes bounds the routes that are told apart; those beyond share one rate.
const maxRoutes = 1000

// Tail is a span processor in front of another. It passes sampled spans on as they come, and holds the
// others until their local root has ended. It is safe for concurrent use.
type Tail struct {
	cfg  Config
	next sdktrace.SpanProcessor

	mu     sync.Mutex
	traces map[oteltrace.TraceID]*list.Element // of *held
	age    *list.List                          // of *held, oldest first
	routes map[string]*rate.Limiter
	stats  Stats
}

// Stats counts what has become of traces that were not sampled, since the start.
type Stats struct {
	// Kept counts traces that were kept, KeptSpans the spans of them that were passed on.
	Kept, KeptSpans uint64
	// Capped counts traces worth keeping that the rate of their route kept out.
	Capped uint64
	// Cut counts spans of kept traces that were missing, since a trace may hold only so many.
	Cut uint64
	// Evicted counts traces given up undecided, since only so many may be held at a time.
	Evicted uint64
}

// held is a trace that was not sampled.
type held struct {
	id    oteltrace.TraceID
	open  int                     // local roots that have not ended
	spans []sdktrace.ReadOnlySpan // ended
	cut   uint64
	why   string // the reason to keep it; empty: none so far
	kept  bool   // decided: what ends later is passed on
}

// New returns a Tail that passes on to next what is to be exported, a batch processor as a rule, which
// it flushes and shuts down with itself. It panics if cfg.Check returns an error.
func New(cfg Config, next sdktrace.SpanProcessor) *Tail {
	if err := cfg.Check(); err != nil {
		panic(err)
	}
	return &Tail{
		cfg: cfg.withDefaults(), next: next,
		traces: map[oteltrace.TraceID]*list.Element{}, age: list.New(), routes: map[string]*rate.Limiter{},
	}
}

// Stats returns what has been counted so far.
func (t *Tail) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// OnStart implements [sdktrace.SpanProcessor].
func (t *Tail) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if s.SpanContext().IsSampled() {
		t.next.OnStart(ctx, s)
		return
	}
	if !isRoot(s) {
		return
	}
	id := s.SpanContext().TraceID()
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.traces[id]
	if e == nil {
		if len(t.traces) >= t.cfg.MaxTraces {
			t.giveUpOldest()
		}
		e = t.age.PushBack(&held{id: id})
		t.traces[id] = e
	}
	e.Value.(*held).open++
}

// OnEnd implements [sdktrace.SpanProcessor].
func (t *Tail) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		t.next.OnEnd(s)
		return
	}
	for _, s := range t.ended(s) {
		t.next.OnEnd(s)
	}
}

// ended takes note of a span and returns what is to be passed on now.
func (t *Tail) ended(s sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.traces[s.SpanContext().TraceID()]
	if e == nil {
		return nil // given up, or decided against
	}
	h := e.Value.(*held)
	root := isRoot(s)
	switch {
	case h.kept:
		h.spans = append(h.spans, kept{ReadOnlySpan: s})
	case root:
		why := t.reason(s)
		if why != "" && h.why == "" {
			h.why = why
		}
		h.spans = append(h.spans, kept{s, why})
	case len(h.spans) >= t.cfg.MaxSpans-1: // one is the root's
		h.cut++
	default:
		h.spans = append(h.spans, kept{ReadOnlySpan: s})
	}
	if root {
		h.open--
	}
	if !h.kept && (h.open > 0 || !t.decide(e, h, s)) {
		return nil
	}
	out := h.spans
	h.spans = nil
	t.stats.KeptSpans += uint64(len(out))
	return out
}

// decide falls when the last local root of the trace, s, has ended. A trace that is kept stays known,
// for spans that end later, until it is the oldest.
func (t *Tail) decide(e *list.Element, h *held, s sdktrace.ReadOnlySpan) bool {
	if h.why != "" && t.limiter(routeOf(s)).Allow() {
		h.kept = true
		t.stats.Kept++
		t.stats.Cut += h.cut
		return true
	}
	if h.why != "" {
		t.stats.Capped++
	}
	t.forget(e, h)
	return false
}

func (t *Tail) giveUpOldest() {
	e := t.age.Front()
	h := e.Value.(*held)
	if !h.kept {
		t.stats.Evicted++
	}
	t.forget(e, h)
}

func (t *Tail) forget(e *list.Element, h *held) {
	t.age.Remove(e)
	delete(t.traces, h.id)
}

// reason says why a local root is worth keeping.
func (t *Tail) reason(s sdktrace.ReadOnlySpan) string {
	switch {
	case !t.cfg.SkipErrors && s.Status().Code == codes.Error:
		return "error"
	case t.cfg.Slow > 0 && s.EndTime().Sub(s.StartTime()) >= t.cfg.Slow:
		return "slow"
	}
	return ""
}

func (t *Tail) limiter(route string) *rate.Limiter {
	l := t.routes[route]
	if l == nil && len(t.routes) >= maxRoutes {
		route = ""
		l = t.routes[route]
	}
	if l == nil {
		l = rate.NewLimiter(rate.Limit(t.cfg.PerRoute), max(1, int(math.Ceil(min(t.cfg.PerRoute, 1e6)))))
		t.routes[route] = l
	}
	return l
}

func routeOf(s sdktrace.ReadOnlySpan) string {
	for _, kv := range s.Attributes() {
		if kv.Key == semconv.HTTPRouteKey {
			return kv.Value.AsString()
		}
	}
	return s.Name()
}

// isRoot reports whether s is where its trace enters this process, or begins.
func isRoot(s sdktrace.ReadOnlySpan) bool {
	p := s.Parent()
	return !p.IsValid() || p.IsRemote()
}

// ForceFlush implements [sdktrace.SpanProcessor]. What is undecided stays so.
func (t *Tail) ForceFlush(ctx context.Context) error { return t.next.ForceFlush(ctx) }

// Shutdown implements [sdktrace.SpanProcessor]. What is undecided is dropped, and counted.
func (t *Tail) Shutdown(ctx context.Context) error {
	t.mu.Lock()
	for t.age.Len() > 0 {
		t.giveUpOldest()
	}
	t.mu.Unlock()
	return t.next.Shutdown(ctx)
}
