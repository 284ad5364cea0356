// Package blame charges the waiting of requests to what held the event loop
// meanwhile. It computes on values; no kernel is needed.
package blame

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// Hold is a time during which the event loop read no requests. From and To are
// nanoseconds of one clock.
type Hold struct {
	From, To uint64
	Cause    report.Cause
	By       string // the command, or the cause's own word
	Detail   string
	Client   string
	TraceID  string
	SpanID   string
}

// Wait is a batch of requests that waited: in the socket, from its arrival to its
// read; or, Served, for its reply to be written, from its read on.
type Wait struct {
	From, To uint64
	Served   bool
	Names    []Count
}

// Count is how many of a batch's requests bear a name.
type Count struct {
	Name string
	N    uint64
}

// keep is how long a hold is remembered after its end, in nanoseconds: a request
// that waited for it has been read by then.
const keep = uint64(10 * time.Second)

// maxBlames bounds what one server's ledger holds: clients' ports are ever new.
const maxBlames = 1000

// Ledger charges the waits of one server. The zero value is an empty one. It is
// not safe for concurrent use.
type Ledger struct {
	holds  []*hold
	waits  []Wait
	blames map[key]*report.Blame
}

type hold struct {
	Hold
	charged bool // counted among the times of its blame
}

type key struct {
	cause                      report.Cause
	by, detail, client, traced string
}

// Hold notes a hold of the loop.
func (l *Ledger) Hold(h Hold) { l.holds = append(l.holds, &hold{Hold: h}) }

// Wait notes a batch that waited.
func (l *Ledger) Wait(w Wait) { l.waits = append(l.waits, w) }

// Settle charges every wait that was over at the time until, and forgets holds
// that ended long before. What was held longest by then may come later: where
// several threads read, a hold is known only when its reply is written.
func (l *Ledger) Settle(until uint64, wall func(uint64) time.Time) {
	slices.SortStableFunc(l.holds, func(a, b *hold) int { return cmp.Compare(a.From, b.From) })
	l.waits = slices.DeleteFunc(l.waits, func(w Wait) bool {
		if w.To > until {
			return false
		}
		l.charge(w, wall)
		return true
	})
	oldest := until
	for _, w := range l.waits {
		oldest = min(oldest, w.From)
	}
	l.holds = slices.DeleteFunc(l.holds, func(h *hold) bool { return h.To+keep < oldest })
}

// nobody is what a wait is charged to that no known hold explains.
var nobody = Hold{Cause: report.CauseUnknown, By: string(report.CauseUnknown)}

// charge charges a wait to the hold that overlaps it most, if the holds together
// explain at least half of it. A batch that was read in time but served slowly has
// held the loop itself, or else has only its reply late: that went out when the loop
// was done with others. Its own hold begins with its own read.
func (l *Ledger) charge(w Wait, wall func(uint64) time.Time) {
	var most *hold
	var longest, covered uint64
	for _, h := range l.holds {
		from, to := max(h.From, w.From), min(h.To, w.To)
		if from >= to || w.Served && h.From == w.From {
			continue
		}
		covered += to - from
		if to-from > longest {
			most, longest = h, to-from
		}
	}
	if most == nil || 2*covered < w.To-w.From {
		if w.Served {
			return
		}
		most = &hold{Hold: nobody, charged: true}
	}
	b := l.blame(most.Hold)
	if !most.charged {
		most.charged = true
		held := most.To - most.From
		b.Times++
		b.HeldNS += held
		b.HeldMaxNS = max(b.HeldMaxNS, held)
	}
	until := w.To
	if most.To != 0 {
		until = min(until, most.To)
	}
	if at := wall(until); at.After(b.LastAt) {
		b.LastAt = at
	}
	addVictims(b, w)
}

func (l *Ledger) blame(h Hold) *report.Blame {
	if l.blames == nil {
		l.blames = map[key]*report.Blame{}
	}
	k := key{h.Cause, h.By, h.Detail, h.Client, h.TraceID}
	if l.blames[k] == nil && len(l.blames) >= maxBlames {
		k = key{cause: h.Cause, by: h.By}
		h.Detail, h.Client, h.TraceID, h.SpanID = "", "", "", ""
	}
	b := l.blames[k]
	if b == nil {
		b = &report.Blame{
			Cause: h.Cause, By: h.By, Detail: h.Detail, Client: h.Client,
			TraceID: h.TraceID, SpanID: h.SpanID,
		}
		l.blames[k] = b
	}
	return b
}

func addVictims(b *report.Blame, w Wait) {
	waited := w.To - w.From
	for _, c := range w.Names {
		b.Waited += c.N
		b.WaitNS += c.N * waited
		i := slices.IndexFunc(b.Victims, func(v report.Victim) bool { return v.Name == c.Name })
		if i < 0 {
			b.Victims = append(b.Victims, report.Victim{Name: c.Name, MinNS: waited})
			i = len(b.Victims) - 1
		}
		v := &b.Victims[i]
		v.Count += c.N
		v.SumNS += c.N * waited
		v.MinNS = min(v.MinNS, waited)
		v.MaxNS = max(v.MaxNS, waited)
	}
}

// Blames returns what was charged so far, the most waiting first. The caller owns
// it.
func (l *Ledger) Blames() []report.Blame {
	out := make([]report.Blame, 0, len(l.blames))
	for _, b := range l.blames {
		c := *b
		c.Victims = slices.Clone(b.Victims)
		slices.SortFunc(c.Victims, func(a, b report.Victim) int {
			return cmp.Or(cmp.Compare(b.SumNS, a.SumNS), cmp.Compare(a.Name, b.Name))
		})
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b report.Blame) int {
		return cmp.Or(cmp.Compare(b.WaitNS, a.WaitNS), cmp.Compare(a.By, b.By), cmp.Compare(a.Client, b.Client))
	})
	return out
}

// Clone returns a copy that shares nothing with l.
func (l *Ledger) Clone() *Ledger {
	c := &Ledger{waits: slices.Clone(l.waits), blames: maps.Clone(l.blames)}
	for _, h := range l.holds {
		copied := *h
		c.holds = append(c.holds, &copied)
	}
	for k, b := range c.blames {
		copied := *b
		copied.Victims = slices.Clone(b.Victims)
		c.blames[k] = &copied
	}
	return c
}
