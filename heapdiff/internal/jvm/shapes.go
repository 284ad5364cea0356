package jvm

import (
	"sync"

	"github.com/clewhq/clew/heapdiff/internal/graph"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// shape is what objects of one class and one size have in common. An object
// needs the number of its shape only: heaps have few shapes and many objects.
type shape struct {
	class uint64 // id, primitive type or classClass
	size  int64
}

// shapes numbers the shapes for all workers.
type shapes struct {
	mu    sync.Mutex
	index map[shape]uint32
	list  []shape
}

func (s *shapes) of(k shape) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.index[k]
	if !ok {
		i = uint32(len(s.list))
		s.index[k] = i
		s.list = append(s.list, k)
	}
	return i
}

// plan is what a worker knows of a class while it meets its instances.
type plan struct {
	id     uint64
	info   *hprof.Info // nil if the dump does not describe the class
	shape  uint32      // of an instance
	object uint32      // the class object's index, if a reference to it counts
	refs   []hprof.Ref
	direct *directFields // for direct byte buffers
}

// plans is a worker's cache of plans and array shapes.
type plans struct {
	a     *analysis
	roots graph.Set
	near  [1024]*plan
	all   map[uint64]*plan
	// small holds the numbers, plus one, of the shapes of small primitive arrays
	// by type and size in words.
	small  [16][512]uint32
	arrays map[shape]uint32
}

func newPlans(a *analysis, roots graph.Set) *plans {
	return &plans{a: a, roots: roots, all: map[uint64]*plan{}, arrays: map[shape]uint32{}}
}

func (p *plans) of(class uint64) *plan {
	slot := &p.near[class>>3*0x9e3779b97f4a7c15>>54]
	if *slot != nil && (*slot).id == class {
		return *slot
	}
	pl := p.all[class]
	if pl == nil {
		pl = p.make(class)
		p.all[class] = pl
	}
	*slot = pl
	return pl
}

func (p *plans) make(class uint64) *plan {
	pl := &plan{id: class, info: p.a.heap.Class(class), object: p.target(class)}
	var size int64
	if pl.info != nil {
		size = pl.info.Size
		pl.refs = pl.info.Refs
		pl.direct = directBuffer(p.a.heap, pl.info)
	}
	pl.shape = p.a.shapes.of(shape{class, size})
	return pl
}

// target is the index of id if an edge to it matters: not to what is missing,
// and not to a root, which nothing dominates.
func (p *plans) target(id uint64) uint32 {
	if id == 0 {
		return graph.None
	}
	i := p.a.ids.Index(id)
	if i != graph.None && p.roots.Has(i) {
		return graph.None
	}
	return i
}

func (p *plans) array(class uint64, size int64) uint32 {
	words := size / 8
	if class < 16 && words < 512 && size%8 == 0 { // a plain layout has other sizes too
		s := &p.small[class][words]
		if *s == 0 {
			*s = p.a.shapes.of(shape{class, size}) + 1
		}
		return *s - 1
	}
	k := shape{class, size}
	i, ok := p.arrays[k]
	if !ok {
		i = p.a.shapes.of(k)
		p.arrays[k] = i
	}
	return i
}
