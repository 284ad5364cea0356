package timeline

import (
	"time"

	xtrace "golang.org/x/exp/trace"
)

// unknownReason stands for the reason of a wait that began before the trace.
const unknownReason = "unknown reason"

// goroutine is one goroutine while the trace is read.
type goroutine struct {
	id     xtrace.GoID
	state  xtrace.GoState
	reason string        // why it waits
	since  time.Duration // when the state began, as an offset
	tally  tally         // up to since

	carries *span // what Carry or the creator said last, ended or not
	how     How
	period  *period        // an open period of work for carries, nil if it is on it or has none
	on      map[*span]bool // the spans whose Own it is counted for

	worker worker
}

// period is work of a goroutine that has begun.
type period struct {
	from   time.Duration
	before tally
}

// at is the tally at a time not before g.since.
func (g *goroutine) at(t time.Duration) tally {
	now := g.tally.clone()
	now.add(g.state, g.reason, t-g.since)
	return now
}

// turn brings the goroutine into a new state.
func (g *goroutine) turn(t time.Duration, state xtrace.GoState, reason string) {
	g.tally.add(g.state, g.reason, t-g.since)
	g.state, g.reason, g.since = state, reason, t
}

func (g *goroutine) begin(t time.Duration) *period { return &period{from: t, before: g.at(t)} }

func (p *period) work(g *goroutine, t time.Duration) Work {
	return Work{Goroutine: int64(g.id), From: p.from, To: t, Split: g.at(t).since(p.before)}
}

// span is one span while the trace is read.
type span struct {
	Span
	parent  *span
	started bool // its beginning is in the trace
	ended   bool
	entered bool // some goroutine has carried it

	owner  *goroutine // whose time is the span's own; nil while nobody is on it
	base   *span      // what the owner carried when the span began
	from   time.Duration
	before tally // of the owner, at from

	carriers map[*goroutine]bool
}

// maxNesting bounds the walk up a chain of parents: marks may be forged into a
// circle.
const maxNesting = 1000

// within reports whether s is outer or a span somewhere under it.
func (s *span) within(outer *span) bool {
	for n := 0; s != nil && n < maxNesting; n++ {
		if s == outer {
			return true
		}
		s = s.parent
	}
	return outer == nil && s == nil
}

// settle counts the time since from for the span's own and leaves the owner in place.
func (s *span) settle(t time.Duration) {
	if s.owner == nil {
		s.Own.Suspended += t - s.from
	} else {
		now := s.owner.at(t)
		s.Own.plus(now.since(s.before))
		s.before = now
	}
	s.from = t
}

// assign makes g, or nobody, the goroutine that is on the span from t on.
func (s *span) assign(g *goroutine, t time.Duration) {
	s.settle(t)
	if s.owner != nil {
		delete(s.owner.on, s)
	}
	if s.owner = g; g != nil {
		g.on[s] = true
		s.before = g.at(t)
	}
}
