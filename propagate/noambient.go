//go:build propagate_noambient

package propagate

import (
	"context"
	"sync/atomic"
)

const ambient = false

// face is what remains of a cell's first part when goroutines carry nothing.
type face struct{ outer atomic.Pointer[cell] }

func (*cell) dress() {}

func ambientCell() *cell { return nil }

type change struct{}

func install(*cell) change { return change{} }

func (change) undo() {}

func labelsIn(ctx context.Context, c *cell) any { return officialLabels(ctx, c) }

func labelsWithout(ctx context.Context) any { return officialWithout(ctx) }
