//go:build !propagate_noambient

package propagate

import (
	"context"
	"unsafe"
)

// eface mirrors an interface value without methods; selfTest proves it.
type eface struct{ typ, data unsafe.Pointer }

// labelMapType is the type word of runtime/pprof's *labelMap.
var labelMapType unsafe.Pointer

// labelsIn answers runtime/pprof's key: the labels of ctx with c's among them.
// It is the cell itself when ctx has none.
func labelsIn(ctx context.Context, c *cell) any {
	if !ambient {
		return officialLabels(ctx, c)
	}
	var list []label
	if v := ctx.Value(pprofKey); v != nil {
		if e := (*eface)(unsafe.Pointer(&v)); e.typ == labelMapType && e.data != nil {
			list = (*labelSet)(e.data).List
		}
	}
	return asLabelMap(show(c, list))
}

func asLabelMap(p unsafe.Pointer) (v any) {
	*(*eface)(unsafe.Pointer(&v)) = eface{labelMapType, p}
	return v
}

// labelsWithout returns the labels of ctx with none of ours among them.
func labelsWithout(ctx context.Context) any {
	if !ambient {
		return officialWithout(ctx)
	}
	v := ctx.Value(pprofKey)
	e := (*eface)(unsafe.Pointer(&v))
	if e.typ != labelMapType || e.data == nil {
		return v
	}
	return asLabelMap(wear(nil, (*labelSet)(e.data).List))
}
