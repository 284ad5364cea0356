//go:build !propagate_noambient

package propagate

import (
	"encoding/hex"
	"sync/atomic"
	"unsafe"
)

// label and labelSet mirror runtime/pprof's labelMap (Go 1.24 and later), the
// only thing a goroutine's label pointer may point at: the CPU profiler reads
// it in a signal handler. selfTest proves them on the linked runtime.
type label struct{ Key, Value string }

type labelSet struct{ List []label }

// face is the part of a cell that the runtime sees as a label set.
//
// The list lies inside the same object, at listOffset. That self-reference is
// the proof of origin: the runtime allocates set and list apart, each at the
// start of an allocation of its own size class, and no list of the runtime's
// starts 40 bytes behind a 24-byte set. So 24 bytes, which every label set
// owns, decide whether the rest may be read.
type face struct {
	set   labelSet
	self  *cell
	outer atomic.Pointer[cell]
	list  [2]label // span_id, trace_id: in the order of keys, as runtime/pprof's merge demands
	hex   [hexLen]byte
}

// header is the head that a cell and a node have in common. The second word
// tells them apart: a cell's self is its own address, a node has the mark.
type header struct {
	set  labelSet
	self *cell
	mark unsafe.Pointer
}

const (
	traceLen   = 32
	spanLen    = 16
	hexLen     = traceLen + spanLen
	listOffset = unsafe.Offsetof(cell{}.list)
	hexOffset  = unsafe.Offsetof(cell{}.hex)
	zeroOffset = unsafe.Offsetof(cell{}.zeros)
)

// keys are the label keys. Their addresses tell our labels from labels of the
// same name: as variables they are not merged with anybody's string constants.
var keys = struct {
	span  [7]byte
	trace [8]byte
	flags [11]byte
}{
	[7]byte([]byte("span_id")), [8]byte([]byte("trace_id")), [11]byte([]byte("trace_flags")),
}

var (
	keySpan  = unsafe.String(&keys.span[0], len(keys.span))
	keyTrace = unsafe.String(&keys.trace[0], len(keys.trace))
	keyFlags = unsafe.String(&keys.flags[0], len(keys.flags))
)

// dress makes c a label set. A sampled cell shows its two ids; an unsampled
// one has an empty list, so that profiles do not split by requests nobody
// recorded, but the list's address still proves it ours.
func (c *cell) dress() {
	hex.Encode(c.hex[:traceLen], c.trace[:])
	hex.Encode(c.hex[traceLen:], c.spn[:])
	c.self = c
	c.list[0] = label{keySpan, unsafe.String(&c.hex[traceLen], spanLen)}
	c.list[1] = label{keyTrace, unsafe.String(&c.hex[0], traceLen)}
	c.set.List = c.list[:]
	if !c.sampled() {
		c.set.List = c.list[:0]
	}
}

// shown returns the labels that stand for c where others copy them: an
// unsampled cell has one as well, else a user's pprof.Do would drop it.
func (c *cell) shown() []label {
	if c.sampled() {
		return c.list[:]
	}
	return []label{{keyFlags, unsafe.String(&c.zeros[0], len(c.zeros))}}
}

// own returns the cell that the label set at p was made for by this package,
// or nil for a set that others made. It reads 24 bytes of a foreign set.
func own(p unsafe.Pointer) *cell {
	if !selfReferring(p) {
		return nil
	}
	h := (*header)(p)
	if unsafe.Pointer(h.self) == p || h.mark == unsafe.Pointer(&keys) {
		return h.self
	}
	return nil
}

// isCell reports whether the label set at p is a cell's face, not a node.
func isCell(p unsafe.Pointer) bool {
	return selfReferring(p) && unsafe.Pointer((*header)(p).self) == p
}

func selfReferring(p unsafe.Pointer) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData((*labelSet)(p).List))) == uintptr(p)+listOffset
}

// cellOf returns the cell among the labels at p, or nil.
func cellOf(p unsafe.Pointer) *cell {
	if p == nil {
		return nil
	}
	if c := own(p); c != nil {
		return c
	}
	return lookup((*labelSet)(p).List)
}
