//go:build !propagate_noambient

package propagate

import "unsafe"

func ambientCell() *cell {
	if !ambient {
		return nil
	}
	p := runtime_getProfLabel()
	if p == nil {
		return nil
	}
	if c := own(p); c != nil {
		return c
	}
	return lookup((*labelSet)(p).List)
}

// change is a replacement of the running goroutine's labels.
type change struct{ from, to unsafe.Pointer }

func install(c *cell) change {
	if !ambient {
		return change{}
	}
	from := runtime_getProfLabel()
	to := unsafe.Pointer(c)
	if from != nil && !bare(from) {
		to = wear(c, (*labelSet)(from).List)
	}
	runtime_setProfLabel(to)
	return change{from, to}
}

// bare reports whether the labels at p are a cell's and no user's among them.
func bare(p unsafe.Pointer) bool {
	c := own(p)
	return c != nil && unsafe.Pointer(c) == p
}

func (x change) undo() {
	now := runtime_getProfLabel()
	if now == x.to || rewrapped(now, x.to) {
		runtime_setProfLabel(x.from)
	}
}

// rewrapped reports whether now is another label set of this package's making
// for the cell that to is for: pprof.Do, given our context, ends by setting a
// set that the context made anew.
func rewrapped(now, to unsafe.Pointer) bool {
	if now == nil || to == nil {
		return false
	}
	c := own(now)
	return c != nil && c == cellOf(to)
}
