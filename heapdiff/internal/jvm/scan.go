package jvm

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/clewhq/clew/heapdiff/internal/genmap"
	"github.com/clewhq/clew/heapdiff/internal/graph"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// scan is the first pass. It counts the objects of each class by generation,
// and collects classes, roots, blocks and, for the passes to come, all ids.
func (a *analysis) scan(ctx context.Context) error {
	ids := graph.NewCollector(a.file.Size())
	scanners := make([]scanner, a.Workers)
	err := a.file.Walk(ctx, a.Workers, func(w int) hprof.Visitor {
		s := &scanners[w]
		s.a, s.meter = a, a.space.Meter()
		if !a.Shallow {
			s.ids = ids.Adder()
		}
		return s.visitor()
	}, func(done float64) { a.Progress("objects", done) })
	if err != nil {
		return err
	}
	for i := range scanners {
		s := &scanners[i]
		a.counts.add(&s.counts)
		a.classes = append(a.classes, s.classes...)
		a.roots = append(a.roots, s.roots...)
		a.blocks = append(a.blocks, s.blocks...)
	}
	if a.Shallow {
		return nil
	}
	a.file.SetBlocks(a.blocks)
	if ids.Unfit() {
		return a.sortIDs(ctx)
	}
	a.out.Duplicates = ids.Duplicates()
	a.ids, err = ids.IDs()
	return err
}

// sortIDs numbers ids that are no addresses.
func (a *analysis) sortIDs(ctx context.Context) error {
	var n int64
	for i := range a.counts.slots {
		n += a.counts.slots[i].total()
	}
	a.space.Expect(n * perID)
	var err error
	if a.unsorted, err = graph.Alloc[uint64](a.space, int(n)); err != nil {
		return err
	}
	var used atomic.Int64
	err = a.file.Walk(ctx, a.Workers, func(int) hprof.Visitor {
		meter := a.space.Meter()
		add := func(id uint64) {
			meter.Touch(1)
			a.unsorted[used.Add(1)-1] = id
		}
		return hprof.Visitor{
			Block:     func(int64, int64) { meter.Touch(blockPages) },
			Class:     func(c *hprof.Class) { add(c.ID) },
			Instance:  func(id, _ uint64, _ []byte) { add(id) },
			Objects:   func(id, _ uint64, _ []byte) { add(id) },
			Primitive: func(id uint64, _ hprof.Type, _ uint32, _ []byte) { add(id) },
		}
	}, nil)
	if err != nil {
		return err
	}
	a.ids, a.out.Duplicates, err = graph.Sorted(a.unsorted[:used.Load()], a.space.Meter())
	if err != nil {
		return fmt.Errorf("number the objects: %w", err)
	}
	return nil
}

// scanner is the first pass of one worker.
type scanner struct {
	a       *analysis
	ids     *graph.Adder // nil when the references are not asked for
	meter   *graph.Meter
	counts  table
	near    genmap.Region // what the last id lay in
	region  int           // its index in the map
	classes []*hprof.Class
	roots   []hprof.Root
	blocks  []hprof.Block
	lo, hi  uint64 // of the ids of this block
}

func (s *scanner) visitor() hprof.Visitor {
	idSize := int64(s.a.file.IDSize)
	reference := s.a.layout.Reference
	layout := s.a.layout
	s.lo = ^uint64(0)
	v := hprof.Visitor{
		Class: func(c *hprof.Class) {
			s.classes = append(s.classes, c)
			s.see(c.ID)
			s.counts.of(classClass).n[s.gen(c.ID)]++
		},
		Instance: func(id, class uint64, _ []byte) {
			s.see(id)
			s.counts.of(class).n[s.gen(id)]++
		},
		Objects: func(id, class uint64, elements []byte) {
			s.see(id)
			n := int64(len(elements)) / idSize
			size := layout.Array(n, reference)
			c, g := s.counts.of(class), s.a.humongous(s.gen(id), size)
			c.n[g]++
			c.bytes[g] += size
			c.elements += n
		},
		Primitive: func(id uint64, t hprof.Type, n uint32, _ []byte) {
			s.see(id)
			size := layout.Array(int64(n), t.Size())
			c, g := s.counts.of(uint64(t)), s.a.humongous(s.gen(id), size)
			c.n[g]++
			c.bytes[g] += size
		},
	}
	v.Block = func(begin, end int64) {
		s.meter.Touch(blockPages)
		if s.ids != nil && end > begin {
			s.blocks = append(s.blocks, hprof.Block{Begin: begin, End: end, Lo: s.lo, Hi: s.hi})
		}
		s.lo, s.hi = ^uint64(0), 0
	}
	if s.ids != nil {
		v.Root = func(r hprof.Root) { s.roots = append(s.roots, r) }
	}
	return v
}

// classClass is the row of the java.lang.Class objects, which the dump describes
// by the classes they stand for.
const classClass = uint64(hprof.Object)

func (s *scanner) see(id uint64) {
	if s.ids != nil {
		s.lo, s.hi = min(s.lo, id), max(s.hi, id)
		s.ids.Add(id)
	}
}

func (s *scanner) gen(id uint64) genmap.Gen {
	if id-s.near.Lo < s.near.Top-s.near.Lo {
		return s.near.Gen
	}
	return s.lookup(id)
}

// humongous puts an object that is too large for a young region of G1 where it is,
// in a map that cannot tell by the region.
func (a *analysis) humongous(g genmap.Gen, size int64) genmap.Gen {
	if size > a.giant && g == genmap.Young {
		return genmap.Old
	}
	return g
}

func (s *scanner) lookup(id uint64) (g genmap.Gen) {
	if s.a.gens == nil {
		s.near = genmap.Region{Top: ^uint64(0)} // everything is Stray
		return genmap.Stray
	}
	g, s.region = s.a.gens.Lookup(id, s.region)
	if g == genmap.Young || g == genmap.Old {
		s.near = s.a.gens.Regions[s.region]
	}
	return g
}

// shallowClasses fills the class rows from the counts alone. The class of a
// loader is not known then: classes of one name share a row.
func (a *analysis) shallowClasses() {
	var classBytes int64
	for _, c := range a.heap.Classes() {
		classBytes += c.ObjectSize
	}
	for i := range a.counts.slots {
		c := &a.counts.slots[i]
		n := c.total()
		if n == 0 {
			continue
		}
		if c.class == classClass {
			for g := range c.n {
				c.bytes[g] = classBytes * c.n[g] / n
			}
		}
		row := &a.rows.rows[a.shallowRow(c)]
		row.Instances += n
		for g, bytes := range c.bytes {
			row.Bytes += bytes
			a.out.Bytes += bytes
			switch genmap.Gen(g) {
			case genmap.Old:
				row.Old.Unsorted += c.n[g]
				row.Old.UnsortedBytes += bytes
			case genmap.Young:
				row.Young.Unsorted += c.n[g]
				row.Young.UnsortedBytes += bytes
			case genmap.AboveTop:
				a.out.Above += c.n[g]
			case genmap.Stray:
				a.out.Strays += c.n[g]
			}
		}
		a.out.Objects += n
	}
	a.out.Classes = a.rows.sorted()
}

// shallowRow finds the row of c and sizes its instances.
func (a *analysis) shallowRow(c *count) int {
	switch {
	case c.class == classClass:
		return a.rows.of("java.lang.Class", "")
	case isPrimitive(c.class):
		return a.rows.of(primitiveName(c.class), "")
	}
	info := a.heap.Class(c.class)
	if info == nil {
		a.out.Unreadable += c.total()
		return a.rows.of(unknownClass(c.class), "")
	}
	for g, n := range c.n {
		c.bytes[g] += n * info.Size
	}
	return a.rows.of(className(info), "")
}

func unknownClass(id uint64) string { return fmt.Sprintf("(class %#x, not in the dump)", id) }

func className(c *hprof.Info) string {
	if c.Name == "" {
		return fmt.Sprintf("(class %#x without a name)", c.ID)
	}
	return c.Name
}
