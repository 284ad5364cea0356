//go:build !propagate_noambient

package propagate

import (
	"runtime"
	"sync"
	"unsafe"
	"weak"
)

// When runtime/pprof merges our labels with a user's it copies string headers
// into a set of its own. All that leads back to the cell then is the address
// of a label's value, and such a pair of key and value is a user's to forge:
// pprof.ForLabels hands both out. So no memory is ever reached through such a
// value. Its address, as a number, is looked up in the registry, which holds
// weak pointers to the cells that were shown to a merge. A cloned or cut value
// has another address and is not found; an address whose cell was collected
// answers nil; an address in use again belongs to the cell that is there now,
// which the value then keeps alive.

const shards = 64 // a power of two

type shard struct {
	mu    sync.RWMutex
	cells map[uintptr]weak.Pointer[cell]
	_     [32]byte // its own cache line
}

var registry [shards]shard

func (c *cell) addr() uintptr { return uintptr(unsafe.Pointer(c)) }

// shardOf drops the bits that are alike in all cells: they lie 192 bytes apart.
func shardOf(addr uintptr) *shard { return &registry[(addr>>6^addr>>13)%shards] }

// register lets lookup find c. It must be called before c's labels are shown.
func (c *cell) register() {
	if c.state.Load()&stRegistered != 0 {
		return
	}
	addr, w := c.addr(), weak.Make(c)
	s := shardOf(addr)
	s.mu.Lock()
	if s.cells == nil {
		s.cells = make(map[uintptr]weak.Pointer[cell])
	}
	if s.cells[addr] != w {
		s.cells[addr] = w
		runtime.AddCleanup(c, forget, entry{addr, w})
	}
	s.mu.Unlock()
	c.state.Or(stRegistered)
}

type entry struct {
	addr uintptr
	w    weak.Pointer[cell]
}

// forget removes a collected cell, unless its address has a new owner already.
func forget(e entry) {
	s := shardOf(e.addr)
	s.mu.Lock()
	if s.cells[e.addr] == e.w {
		delete(s.cells, e.addr)
	}
	s.mu.Unlock()
}

// lookup finds the cell that one of the labels stands for. Either id will do,
// so a user's own label "trace_id" hides a sampled cell only with a "span_id".
func lookup(list []label) *cell {
	for i := range list {
		l := &list[i]
		var off uintptr
		switch k := unsafe.StringData(l.Key); {
		case k == &keys.span[0] && len(l.Key) == len(keys.span) && len(l.Value) == spanLen:
			off = hexOffset + traceLen
		case k == &keys.trace[0] && len(l.Key) == len(keys.trace) && len(l.Value) == traceLen:
			off = hexOffset
		case k == &keys.flags[0] && len(l.Key) == len(keys.flags) && len(l.Value) == len(cell{}.zeros):
			off = zeroOffset
		default:
			continue
		}
		if c := find(uintptr(unsafe.Pointer(unsafe.StringData(l.Value))) - off); c != nil {
			return c
		}
	}
	return nil
}

func find(addr uintptr) *cell {
	s := shardOf(addr)
	s.mu.RLock()
	w := s.cells[addr]
	s.mu.RUnlock()
	// The cell of an address answers with that address, or it is gone.
	if c := w.Value(); c != nil && c.addr() == addr {
		return c
	}
	return nil
}
