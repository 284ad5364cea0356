package timeline

import (
	"encoding/hex"
	"fmt"
	"time"

	xtrace "golang.org/x/exp/trace"

	"github.com/clewhq/clew/propagate/timeline/mark"
)

// machine turns the events of a trace, in their order, into a report.
type machine struct {
	origin     xtrace.Time
	now        time.Duration
	begun      bool
	goroutines map[xtrace.GoID]*goroutine
	workers    []*goroutine // those that ran regions without carrying a span, ended or not
	spans      map[[8]byte]*span
	order      []*span
	report     Report
}

func newMachine() *machine {
	return &machine{goroutines: map[xtrace.GoID]*goroutine{}, spans: map[[8]byte]*span{}}
}

func (m *machine) event(ev xtrace.Event) {
	if !m.begun {
		m.begun, m.origin = true, ev.Time()
	}
	m.now = max(m.now, ev.Time().Sub(m.origin)) // a corrupt trace may go back in time
	switch ev.Kind() {
	case xtrace.EventSync:
		m.sync(ev.Sync())
	case xtrace.EventStateTransition:
		if st := ev.StateTransition(); st.Resource.Kind == xtrace.ResourceGoroutine {
			m.transition(ev, st)
		}
	case xtrace.EventLog:
		if l := ev.Log(); l.Category == mark.Category && ev.Goroutine() != xtrace.NoGoroutine {
			m.mark(m.goroutine(ev.Goroutine()), l.Message)
		}
	case xtrace.EventRegionBegin:
		if g := ev.Goroutine(); g != xtrace.NoGoroutine {
			m.regionBegin(m.goroutine(g), ev.Region().Type)
		}
	case xtrace.EventRegionEnd:
		if g := ev.Goroutine(); g != xtrace.NoGoroutine {
			m.regionEnd(m.goroutine(g))
		}
	}
}

func (m *machine) sync(s xtrace.Sync) {
	if c := s.ClockSnapshot; c != nil && m.report.Start.IsZero() {
		m.report.Start = c.Wall.Add(-c.Trace.Sub(m.origin))
	}
}

func (m *machine) goroutine(id xtrace.GoID) *goroutine {
	g := m.goroutines[id]
	if g == nil {
		g = &goroutine{id: id, on: map[*span]bool{}}
		m.goroutines[id] = g
	}
	return g
}

func (m *machine) transition(ev xtrace.Event, st xtrace.StateTransition) {
	g := m.goroutine(st.Resource.Goroutine())
	from, to := st.Goroutine()
	if from == xtrace.GoUndetermined && g.state == xtrace.GoUndetermined {
		// The runtime tells the state of a goroutine the first time it has something
		// to say of it: it has been in that state all along.
		g.state, g.reason = to, ""
		if to == xtrace.GoWaiting {
			g.reason = unknownReason
		}
		return
	}
	if from == to {
		return // told again, at the start of a generation of the trace
	}
	switch {
	case from == xtrace.GoNotExist:
		g.since, g.tally = m.now, tally{}
		if creator := ev.Goroutine(); creator != xtrace.NoGoroutine && creator != g.id {
			m.inherit(g, m.goroutine(creator))
		}
	case from == xtrace.GoWaiting && to == xtrace.GoRunnable:
		m.woken(g, ev)
	case to == xtrace.GoWaiting:
		g.worker.block(st)
	}
	reason := st.Reason
	if to == xtrace.GoWaiting && reason == "" {
		reason = unknownReason
	}
	g.turn(m.now, to, reason)
	if to == xtrace.GoNotExist {
		m.carry(g, nil, "")
		m.regionEnd(g)
		delete(m.goroutines, g.id)
	}
}

func (m *machine) inherit(g, creator *goroutine) {
	if s := creator.carries; s != nil && !s.ended {
		m.carry(g, s, Inherited)
	}
}

func (m *machine) mark(g *goroutine, text string) {
	k, ok := mark.Parse(text)
	if !ok {
		m.warn("mark %.80q is not one of ours", text)
		return
	}
	if g.state != xtrace.GoRunning { // who marks, runs: the trace began in the middle
		g.turn(m.now, xtrace.GoRunning, "")
	}
	switch k.Kind {
	case mark.Begin:
		m.beginSpan(g, k)
	case mark.End:
		m.endSpan(m.span(k))
	case mark.Carry:
		var s *span
		if k.Span != [8]byte{} {
			s = m.span(k)
		}
		m.carry(g, s, Entered)
	}
}

// span is the span a mark speaks of. One whose beginning is not in the trace has
// been there from the first event, its time unknown until now.
func (m *machine) span(k mark.Mark) *span {
	s := m.spans[k.Span]
	if s == nil {
		s = m.newSpan(k)
		s.Own.Unknown, s.from = m.now, m.now
	}
	return s
}

func (m *machine) newSpan(k mark.Mark) *span {
	s := &span{carriers: map[*goroutine]bool{}}
	s.SpanID = hex.EncodeToString(k.Span[:])
	if k.Trace != [16]byte{} {
		s.TraceID = hex.EncodeToString(k.Trace[:])
	}
	m.spans[k.Span] = s
	m.order = append(m.order, s)
	return s
}

func (m *machine) beginSpan(g *goroutine, k mark.Mark) {
	if m.spans[k.Span] != nil {
		m.warn("span %x begins twice", k.Span)
		return
	}
	s := m.newSpan(k)
	s.started, s.Name, s.Start = true, k.Name, m.now
	if k.Parent != [8]byte{} {
		s.ParentID = hex.EncodeToString(k.Parent[:])
		s.parent = m.spans[k.Parent]
	}
	s.base, s.from = g.carries, m.now
	s.assign(g, m.now)
}

func (m *machine) endSpan(s *span) {
	if s.ended {
		m.warn("span %s ends twice", s.SpanID)
		return
	}
	s.settle(m.now)
	s.End, s.ended = m.now, true
	for g := range s.carriers {
		m.closePeriod(g)
	}
	if s.owner != nil {
		delete(s.owner.on, s)
	}
	s.owner = nil
}

// carry notes that g carries s from now on, s possibly nil.
func (m *machine) carry(g *goroutine, s *span, how How) {
	if g.carries == s {
		return
	}
	m.closePeriod(g)
	if g.carries != nil {
		delete(g.carries.carriers, g)
	}
	for x := range g.on { // spans it leaves behind
		if !s.within(x) && (x.entered || !s.within(x.base)) {
			x.assign(nil, m.now)
		}
	}
	if g.carries, g.how = s, how; s == nil || s.ended {
		return
	}
	s.carriers[g] = true
	g.worker.period = nil // an open region of its is this span's from here on
	if how == Entered {
		m.takeUp(g, s)
	}
	s.entered = true
	if s.owner != g {
		g.period = g.begin(m.now)
	}
}

// takeUp makes g the one that is on s, and on the spans around it, where nobody is.
func (m *machine) takeUp(g *goroutine, s *span) {
	for n := 0; s != nil && n < maxNesting; n++ {
		if s.owner == nil && !s.ended {
			s.assign(g, m.now)
		}
		s = s.parent
	}
}

func (m *machine) closePeriod(g *goroutine) {
	if g.period == nil {
		return
	}
	w := g.period.work(g, m.now)
	g.period = nil
	if w.To > w.From {
		w.How = g.how
		g.carries.Elsewhere = append(g.carries.Elsewhere, w)
	}
}

// maxWarnings bounds what a corrupt trace can make the report say.
const maxWarnings = 20

func (m *machine) warn(format string, args ...any) {
	err := fmt.Errorf("at %v: "+format, append([]any{m.now}, args...)...)
	if len(m.report.Warnings) < maxWarnings {
		m.report.Warnings = append(m.report.Warnings, err)
	}
}
