package jvm

import (
	"context"

	"github.com/clewhq/clew/heapdiff/internal/graph"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// perObject is the memory in bytes that the tables need for an object at their
// peak, which decides whether they fit under a limit.
const perObject = 45

// perID is the same for an id that is no address.
const perID = 8

// references is the second pass: the shape of every object and the references
// that keep others alive. Those to a root are left out, for nothing dominates a
// root; in most heaps that is every second one, to a class of the boot loader.
func (a *analysis) references(ctx context.Context) error {
	n := a.ids.Len()
	if a.unsorted != nil {
		a.space.Expect(int64(n) * (perObject + perID))
	} else {
		a.space.Expect(int64(n) * perObject)
	}
	var err error
	if a.shape, err = graph.Alloc[uint32](a.space, n); err != nil {
		return err
	}
	edges, err := graph.NewEdges(a.space, n, a.maxEdges())
	if err != nil {
		return err
	}
	roots, list := a.rootSet()
	a.shapes = &shapes{index: map[shape]uint32{}}
	workers := a.Workers
	if a.out.Duplicates > 0 {
		workers = 1 // two workers could meet the same id
	}
	linkers := make([]linker, workers)
	twins := newTwins(a.file.Size())
	err = a.file.Walk(ctx, workers, func(w int) hprof.Visitor {
		l := &linkers[w]
		*l = linker{a: a, plans: newPlans(a, roots), out: edges.Writer(), look: lookouts{twins: twins}, meter: a.space.Meter()}
		return l.visitor()
	}, func(done float64) { a.Progress("references", done) })
	if err != nil {
		edges.Free()
		return err
	}
	var soft [][2]uint32 // references and referents that a collection leaves
	for i := range linkers {
		l := &linkers[i]
		l.out.Flush()
		soft = append(soft, l.soft...)
		a.look.add(&l.look)
	}
	if err := edges.Err(); err != nil {
		edges.Free()
		return err
	}
	a.tree, err = graph.Dominators(edges, list, soft, func(done float64) { a.Progress("dominators", done) })
	return err
}

// maxEdges bounds the references from what the first pass has counted.
func (a *analysis) maxEdges() int64 {
	var sum int64
	for i := range a.counts.slots {
		c := &a.counts.slots[i]
		sum += c.elements + c.total()
		if info := a.heap.Class(c.class); info != nil {
			sum += c.total() * int64(len(info.Refs))
		}
	}
	for _, c := range a.classes {
		sum += int64(len(c.Statics)+len(c.Others)) + 2
	}
	return sum
}

// rootSet returns the indexes of the roots, each once.
func (a *analysis) rootSet() (graph.Set, []uint32) {
	set := graph.NewSet(a.ids.Len())
	var list []uint32
	for _, r := range a.roots {
		if i := a.ids.Index(r.ID); i != graph.None && !set.Has(i) {
			set.Add(i)
			list = append(list, i)
		}
	}
	return set, list
}

// linker is the second pass of one worker.
type linker struct {
	*plans
	a    *analysis
	out  *graph.EdgeWriter
	soft [][2]uint32
	look lookouts

	meter *graph.Meter
}

func (l *linker) visitor() hprof.Visitor {
	a, f := l.a, l.a.file
	return hprof.Visitor{
		Class: func(c *hprof.Class) { l.class(c) },
		Instance: func(id, class uint64, fields []byte) {
			i := a.ids.Index(id)
			pl := l.of(class)
			l.meter.Touch(1 + len(pl.refs))
			a.shape[i] = pl.shape
			l.out.Begin(i)
			l.edge(pl.object)
			for _, r := range pl.refs {
				if int(r.Offset)+f.IDSize > len(fields) {
					break // a damaged dump: the class has more fields than the instance
				}
				to := l.target(f.IDAt(fields, int(r.Offset)))
				switch {
				case to == graph.None:
				case !r.Weak:
					l.out.Add(to)
				case pl.info.Kind == hprof.Soft || pl.info.Kind == hprof.Final:
					l.soft = append(l.soft, [2]uint32{i, to})
					if pl.info.Kind == hprof.Final {
						l.look.finals = append(l.look.finals, to)
					}
				}
			}
			if pl.direct != nil {
				l.look.direct(f, pl.direct, i, fields)
			}
		},
		Objects: func(id, class uint64, elements []byte) {
			l.meter.Touch(1)
			i := a.ids.Index(id)
			pl := l.of(class)
			n := len(elements) / f.IDSize
			size := a.heap.ObjectsSize(int64(n))
			a.shape[i] = l.array(class, size)
			l.out.Begin(i)
			l.edge(pl.object)
			used := 0
			for k := range n {
				l.meter.Touch(1)
				ref := f.ID(elements, k)
				if ref == 0 {
					continue
				}
				used++
				l.edge(l.target(ref))
			}
			l.look.array(class, n, used, size)
		},
		Primitive: func(id uint64, t hprof.Type, n uint32, elems []byte) {
			l.meter.Touch(1)
			i := a.ids.Index(id)
			size := a.heap.PrimitiveSize(t, int64(n))
			a.shape[i] = l.array(uint64(t), size)
			l.out.Begin(i)
			l.look.text(t, elems)
		},
	}
}

func (l *linker) edge(to uint32) {
	if to != graph.None {
		l.out.Add(to)
	}
}

func (l *linker) class(c *hprof.Class) {
	i := l.a.ids.Index(c.ID)
	l.a.shape[i] = l.a.shapes.of(shape{classClass, l.a.heap.Class(c.ID).ObjectSize})
	l.out.Begin(i)
	l.edge(l.target(c.Super))
	l.edge(l.target(c.Loader))
	for _, id := range c.Others {
		l.edge(l.target(id))
	}
	for _, s := range c.Statics {
		l.edge(l.target(s.ID))
	}
}
