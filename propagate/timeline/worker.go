package timeline

import (
	"time"

	xtrace "golang.org/x/exp/trace"
)

// A worker is a goroutine without a span that runs regions, one for each piece
// of work it gets. Whose work a region is the trace proves in one case: the
// worker was parked at its channel, a goroutine carrying a span woke it by a
// send, which hands the value over directly, and the region is the first since.
// A region that begins without the worker having parked took its work from a
// buffer, and the trace does not say who put it there.
//
// That proof fails for a worker that receives other things than work. So a
// worker which parks at more than one place, or which was woken by a send and
// parked again without a region, is trusted with nothing at all.
type worker struct {
	region string
	period *period // the outermost open region, nil if none
	depth  int     // of regions inside one another
	claim  claim   // of the open region

	wake   *wake
	site   site // where it parks between regions
	known  bool // site is set
	impure string
	done   []piece
}

// wake is a send that woke a worker.
type wake struct {
	by *span // nil if the sender carried none
	at time.Duration
}

// claim is whose a region is, to the best of our knowledge when it began.
type claim struct {
	span   *span
	why    string // why there is none, if span is nil
	queued time.Duration
}

// piece is a region that has ended, to be judged when the whole trace is read.
type piece struct {
	claim
	Work
}

// site is the place of a park: the innermost program counters, which differ
// between two receives of one function.
type site [4]uint64

func siteOf(s xtrace.Stack) (at site) {
	n := 0
	for f := range s.Frames() {
		if n == len(at) {
			break
		}
		at[n] = f.PC
		n++
	}
	return at
}

// block notes that the worker parks. Inside a region that is the work's affair.
func (w *worker) block(st xtrace.StateTransition) {
	if w.depth > 0 {
		return
	}
	if w.wake != nil {
		w.impure = "the worker also receives what is no work"
	}
	w.wake = nil
	if st.Reason != reasonReceive && st.Reason != reasonSelect {
		return
	}
	at := siteOf(st.Stack)
	if w.known && at != w.site {
		w.impure = "the worker receives at more than one place"
	}
	w.site, w.known = at, true
}

// Reasons to wait as the runtime words them (runtime.waitReason, as the tracer
// groups them), and the functions in which a sender wakes a receiver.
const (
	reasonReceive = "chan receive"
	reasonSelect  = "select"
	fnSend        = "runtime.chansend1"
	fnSelect      = "runtime.selectgo"
)

// woken notes who woke g and whether that was a send to it.
func (m *machine) woken(g *goroutine, ev xtrace.Event) {
	if g.worker.depth > 0 {
		return
	}
	g.worker.wake = nil
	by := ev.Goroutine()
	if by == xtrace.NoGoroutine || !sends(ev.Stack(), g.reason) {
		return
	}
	w := &wake{at: m.now}
	if s := m.goroutine(by).carries; s != nil && !s.ended {
		w.by = s
	}
	g.worker.wake = w
}

// sends reports whether the stack of a goroutine that woke one waiting for this
// reason is that of a send to it. In a select it may as well have received from
// the other, unless that can only have been receiving.
func sends(waker xtrace.Stack, reason string) bool {
	for f := range waker.Frames() {
		return f.Func == fnSend || f.Func == fnSelect && reason == reasonReceive
	}
	return false
}

func (m *machine) regionBegin(g *goroutine, name string) {
	w := &g.worker
	if w.depth++; w.depth > 1 {
		return
	}
	if g.carries != nil && !g.carries.ended {
		return // it knows whose work this is
	}
	if w.done == nil {
		m.workers = append(m.workers, g)
		w.done = []piece{}
	}
	w.region, w.period = name, g.begin(m.now)
	switch {
	case w.wake == nil:
		w.claim = claim{why: "the work was taken from a buffer, or the send is not in the trace"}
	case w.wake.by == nil:
		w.claim = claim{why: "the sender carried no span"}
	default:
		w.claim = claim{span: w.wake.by, queued: m.now - w.wake.at}
	}
	w.wake = nil
}

func (m *machine) regionEnd(g *goroutine) {
	w := &g.worker
	if w.depth > 0 {
		w.depth--
	}
	if w.depth > 0 && g.state != xtrace.GoNotExist || w.period == nil {
		return
	}
	p := piece{claim: w.claim, Work: w.period.work(g, m.now)}
	p.Region, p.Queued = w.region, w.claim.queued
	w.period = nil
	w.done = append(w.done, p)
}

// judge puts the regions of the workers where they belong.
func (m *machine) judge() {
	for _, g := range m.workers {
		for _, p := range g.worker.done {
			switch {
			case p.span != nil && g.worker.impure == "":
				p.How = HandedOver
				p.span.Elsewhere = append(p.span.Elsewhere, p.Work)
				continue
			case p.span != nil:
				p.Why = g.worker.impure
			default:
				p.Why = p.why
			}
			p.Queued = 0
			m.report.Unknown = append(m.report.Unknown, p.Work)
		}
	}
}
