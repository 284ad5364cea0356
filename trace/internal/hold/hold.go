// Package hold keeps spans of traces that were not sampled until it is known whether they matter. It
// is what package tail and package provider have in common: T is a span as they have it.
package hold

import (
	"container/list"
	"math"
	"sync"

	oteltrace "go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// maxRoutes bounds the routes that are told apart; those beyond share one rate.
const maxRoutes = 1000

// Config bounds what is held and what is kept.
type Config struct {
	PerRoute  float64 // traces kept a second, of each route
	MaxSpans  int     // of one trace
	MaxTraces int     // at a time
	MaxBytes  int64   // of all spans, as [Ended] says; 0: not bounded
}

// Stats counts what has become of traces; see package tail.
type Stats struct{ Kept, KeptSpans, Capped, Cut, Evicted uint64 }

// Traces are the traces that are held. They are safe for concurrent use.
type Traces[T any] struct {
	cfg Config

	mu     sync.Mutex
	traces map[oteltrace.TraceID]*list.Element // of *held[T]
	age    *list.List                          // of *held[T], oldest first
	routes map[string]*rate.Limiter
	bytes  int64
	stats  Stats
}

type held[T any] struct {
	id    oteltrace.TraceID
	open  int // local roots that have not ended
	spans []T // ended
	bytes int64
	cut   uint64
	why   string // the reason to keep it; empty: none so far
	kept  bool   // decided: what ends later is passed on
}

// New returns no traces.
func New[T any](cfg Config) *Traces[T] {
	return &Traces[T]{
		cfg: cfg, traces: map[oteltrace.TraceID]*list.Element{}, age: list.New(), routes: map[string]*rate.Limiter{},
	}
}

// Stats returns what has been counted so far.
func (t *Traces[T]) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// Started takes note of a local root: a span whose parent is remote or absent.
func (t *Traces[T]) Started(id oteltrace.TraceID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.traces[id]
	if e == nil {
		if len(t.traces) >= t.cfg.MaxTraces {
			t.giveUpOldest()
		}
		e = t.age.PushBack(&held[T]{id: id})
		t.traces[id] = e
	}
	e.Value.(*held[T]).open++
}

// Ended is a span that has ended.
type Ended[T any] struct {
	ID    oteltrace.TraceID
	Span  T
	Bytes int
	Root  bool
	Why   string        // a root's: the reason to keep its trace
	Route func() string // a root's
}

// Ended takes a span and returns what is to be passed on now.
func (t *Traces[T]) Ended(s Ended[T]) []T {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.traces[s.ID]
	if e == nil {
		return nil // given up, or decided against
	}
	h := e.Value.(*held[T])
	switch {
	case h.kept:
		h.spans = append(h.spans, s.Span)
	case s.Root:
		if h.why == "" {
			h.why = s.Why
		}
		t.hold(h, s)
	case len(h.spans) >= t.cfg.MaxSpans-1: // one is the root's
		h.cut++
	default:
		t.hold(h, s)
	}
	if s.Root {
		h.open--
	}
	if !h.kept && (h.open > 0 || !t.decide(e, h, s.Route)) {
		for t.cfg.MaxBytes > 0 && t.bytes > t.cfg.MaxBytes {
			t.giveUpOldest()
		}
		return nil
	}
	out := h.spans
	h.spans = nil
	t.bytes -= h.bytes
	h.bytes = 0
	t.stats.KeptSpans += uint64(len(out))
	return out
}

func (t *Traces[T]) hold(h *held[T], s Ended[T]) {
	h.spans = append(h.spans, s.Span)
	h.bytes += int64(s.Bytes)
	t.bytes += int64(s.Bytes)
}

// decide falls when the last local root of the trace has ended. A trace that is kept stays known, for
// spans that end later, until it is the oldest.
func (t *Traces[T]) decide(e *list.Element, h *held[T], route func() string) bool {
	if h.why != "" && t.limiter(route()).Allow() {
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

func (t *Traces[T]) giveUpOldest() {
	e := t.age.Front()
	h := e.Value.(*held[T])
	if !h.kept {
		t.stats.Evicted++
	}
	t.forget(e, h)
}

func (t *Traces[T]) forget(e *list.Element, h *held[T]) {
	t.bytes -= h.bytes
	t.age.Remove(e)
	delete(t.traces, h.id)
}

// GiveUp drops what is undecided, and counts it.
func (t *Traces[T]) GiveUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.age.Len() > 0 {
		t.giveUpOldest()
	}
}

func (t *Traces[T]) limiter(route string) *rate.Limiter {
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
