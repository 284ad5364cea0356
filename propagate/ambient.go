//go:build !propagate_noambient

package propagate

import (
	"context"
	"unsafe"

	"github.com/clewhq/clew/propagate/timeline/mark"
)

// scope holds what Enter replaced and what it put there. In explicit mode to
// is explicitMark and from the *refCtx that was entered.
type scope struct{ to, from unsafe.Pointer }

var explicitMark = unsafe.Pointer(new(byte))

func current() *cell {
	if !ambient {
		return nil
	}
	p := runtime_getProfLabel()
	if p == nil {
		return nil
	}
	// One load says: started through New, and live.
	if c := own(p); c != nil && c.state.Load()&(stEnded|stForeign) == 0 {
		return c
	}
	c := cellOf(p)
	live := firstLive(c)
	if live != c && c.isEnded() {
		note(Stale)
	}
	return live
}

// ambientCell returns the cell the running goroutine carries, ended or not.
func ambientCell() *cell {
	if !ambient {
		return nil
	}
	return cellOf(runtime_getProfLabel())
}

func enter(c *cell) scope {
	if !ambient {
		return scope{}
	}
	if mark.On() {
		markCarry(c)
	}
	from := runtime_getProfLabel()
	if from != nil && !isCell(from) { // a user's labels are there too
		return enterAmong(c, from)
	}
	runtime_setProfLabel(unsafe.Pointer(c))
	return scope{unsafe.Pointer(c), from}
}

func enterAmong(c *cell, from unsafe.Pointer) scope {
	to := wear(c, (*labelSet)(from).List)
	runtime_setProfLabel(to)
	return scope{to, from}
}

func enterExplicit(x *refCtx) scope {
	if mark.On() {
		markCarry(x.c)
	}
	setLabels(x)
	return scope{explicitMark, unsafe.Pointer(x)}
}

func (s scope) leave() {
	if mark.On() {
		s.leaveMarked()
		return
	}
	if runtime_getProfLabel() == s.to {
		runtime_setProfLabel(s.from)
		return
	}
	if !s.leaveOther() {
		s.noteLost()
	}
}

func (s scope) tryLeave() {
	if runtime_getProfLabel() == s.to {
		runtime_setProfLabel(s.from)
		return
	}
	s.leaveOther()
}

// leaveMarked is leave while somebody traces. It says what the goroutine carries
// now, whether leaving changed that or not.
func (s scope) leaveMarked() {
	if runtime_getProfLabel() == s.to {
		runtime_setProfLabel(s.from)
	} else {
		s.leaveOther()
	}
	if s.to == explicitMark {
		markCarry(around((*refCtx)(s.from)))
	} else {
		markCarry(ambientCell())
	}
}

// leaveOther handles a goroutine whose labels are not those that were put
// there, and reports whether there was nothing wrong with that. They may still
// be another label set of this package's making for the same cell: pprof.Do,
// given our context, ends by setting one that the context made anew. Or they
// are what a span left that was entered after this one and has ended where its
// own Leave could not act, as in a panic. Anything else is not ours to touch.
func (s scope) leaveOther() bool {
	if s.to == explicitMark {
		setLabels((*refCtx)(s.from).Context)
		return true
	}
	now := runtime_getProfLabel()
	c, entered := cellOf(now), cellOf(s.to)
	switch {
	case c == nil || entered == nil || !c.fellUnder(entered):
		return s == scope{} // never entered
	case own(now) == c:
		runtime_setProfLabel(s.from)
	}
	// Else in a user's pprof.Do, which will put back what it found.
	return true
}

// noteLost notes that leave could not act.
func (s scope) noteLost() {
	now := runtime_getProfLabel()
	switch entered := cellOf(s.to); {
	case now == s.from && (now != nil || entered != nil && entered.isEnded()):
		note(LeftTwice)
	case cellOf(now) == nil:
		note(Clobbered)
	default:
		note(LeftElsewhere)
	}
}

func labelsIn(ctx context.Context, c *cell) any {
	if !ambient {
		return officialLabels(ctx, c)
	}
	return asLabelMap(show(c, labelsOf(ctx)))
}

func labelsWithout(ctx context.Context) any {
	if !ambient {
		return officialWithout(ctx)
	}
	return asLabelMap(wear(nil, labelsOf(ctx)))
}
