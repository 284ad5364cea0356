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

// labelsOf returns the labels runtime/pprof finds in ctx.
func labelsOf(ctx context.Context) []label {
	v := ctx.Value(pprofKey)
	if e := (*eface)(unsafe.Pointer(&v)); e.typ == labelMapType && e.data != nil {
		return (*labelSet)(e.data).List
	}
	return nil
}

// asLabelMap makes the label set at p what runtime/pprof expects in a context.
func asLabelMap(p unsafe.Pointer) (v any) {
	*(*eface)(unsafe.Pointer(&v)) = eface{labelMapType, p}
	return v
}
