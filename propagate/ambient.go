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
// there. They may still be another label set of this package's making for the
// same cell: pprof.Do, given our context, ends by setting one that the context
// made anew. Anything else is not ours to touch.
func (s scope) leaveOther() {
	if s.to == explicitMark {
		setLabels((*refCtx)(s.from).Context)
		return
	}
	now := runtime_getProfLabel()
	c, entered := cellOf(now), cellOf(s.to)
	switch {
	case c != nil && c == entered && own(now) == c:
		runtime_setProfLabel(s.from)
	case c != nil && c == entered:
		// In a user's pprof.Do, which will put back what it found.
	case s == scope{}:
		// Never entered.
	case now == s.from && (now != nil || entered != nil && entered.isEnded()):
		note(LeftTwice)
	case c == nil:
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
