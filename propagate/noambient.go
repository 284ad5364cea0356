//go:build propagate_noambient

package propagate

import (
	"context"
	"sync/atomic"

	"github.com/clewhq/clew/propagate/timeline/mark"
)

const ambient = false

// face is what remains of a cell's first part when goroutines carry nothing.
type face struct{ outer atomic.Pointer[cell] }

func (*cell) dress() {}

func current() *cell { return nil }

func ambientCell() *cell { return nil }

// scope is the context whose parent's labels leave puts back.
type scope struct{ x *refCtx }

func enter(*cell) scope { return scope{} }

func enterExplicit(x *refCtx) scope {
	if mark.On() {
		markCarry(x.c)
	}
	setLabels(x)
	return scope{x}
}

func (s scope) leave() {
	if s.x != nil {
		setLabels(s.x.Context)
		if mark.On() {
			markCarry(around(s.x))
		}
	}
}

func (s scope) tryLeave() { s.leave() }

// labelsIn answers runtime/pprof's key for a refCtx: ctx's labels and c's.
func labelsIn(ctx context.Context, c *cell) any { return officialLabels(ctx, c) }

// labelsWithout returns ctx's labels without those of any cell.
func labelsWithout(ctx context.Context) any { return officialWithout(ctx) }
