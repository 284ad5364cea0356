// Package bruteforce finds retained sizes in the plainest way, to check the engine
// with: what the roots no longer reach when they may not pass an object. It keeps
// maps of all ids, so it is for small dumps.
package bruteforce

import (
	"context"
	"slices"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// Heap is a dump with every strong reference.
type Heap struct {
	size  map[uint64]int64
	out   map[uint64][]uint64
	roots []uint64
	all   int64 // bytes that the roots reach
}

// Read reads a whole dump of a JVM whose objects lie as layout says.
func Read(ctx context.Context, data []byte, layout hprof.Layout) (*Heap, error) {
	f, err := hprof.Open(data)
	if err != nil {
		return nil, err
	}
	h := &Heap{size: map[uint64]int64{}, out: map[uint64][]uint64{}}
	walk := func(v hprof.Visitor) error {
		return f.Walk(ctx, 1, func(int) hprof.Visitor { return v }, nil)
	}
	var classes []*hprof.Class
	if err := walk(hprof.Visitor{
		Class: func(c *hprof.Class) { classes = append(classes, c) },
		Root:  func(r hprof.Root) { h.roots = append(h.roots, r.ID) },
	}); err != nil {
		return nil, err
	}
	if err := walk(h.visitor(hprof.NewHeap(f, classes, layout))); err != nil {
		return nil, err
	}
	h.all = h.reached(0)
	return h, nil
}

func (h *Heap) visitor(heap *hprof.Heap) hprof.Visitor {
	return hprof.Visitor{
		Class: func(c *hprof.Class) {
			h.size[c.ID] = heap.Class(c.ID).ObjectSize
			out := append([]uint64{c.Super, c.Loader}, c.Others...)
			for _, s := range c.Statics {
				out = append(out, s.ID)
			}
			h.out[c.ID] = out
		},
		Instance: func(id, class uint64, fields []byte) {
			c := heap.Class(class)
			if c == nil {
				return // the dump does not describe it
			}
			h.size[id] = c.Size
			out := []uint64{class}
			for _, r := range c.Refs {
				if !r.Weak {
					out = append(out, heap.IDAt(fields, int(r.Offset)))
				}
			}
			h.out[id] = out
		},
		Objects: func(id, class uint64, e []byte) {
			n := len(e) / heap.IDSize
			h.size[id] = heap.ObjectsSize(int64(n))
			out := []uint64{class}
			for k := range n {
				out = append(out, heap.ID(e, k))
			}
			h.out[id] = out
		},
		Primitive: func(id uint64, t hprof.Type, n uint32, _ []byte) { h.size[id] = heap.PrimitiveSize(t, int64(n)) },
	}
}

// Retained is the number of bytes that would go with an object.
func (h *Heap) Retained(id uint64) int64 { return h.all - h.reached(id) }

// reached sums what the roots reach without passing one object.
func (h *Heap) reached(without uint64) (sum int64) {
	seen := map[uint64]bool{without: true}
	stack := slices.Clone(h.roots)
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		size, ok := h.size[id]
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		sum += size
		stack = append(stack, h.out[id]...)
	}
	return sum
}
