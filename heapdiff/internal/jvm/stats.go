package jvm

import (
	"github.com/clewhq/clew/heapdiff/internal/genmap"
	"github.com/clewhq/clew/heapdiff/internal/graph"
)

// dominate computes retained sizes.
func (a *analysis) dominate() error {
	sizes := a.shapes.list
	var err error
	a.ret, err = a.tree.Retained(func(i uint32) uint64 { return uint64(sizes[a.shape[i]].size) })
	if err != nil {
		return err
	}
	if a.number, err = graph.Alloc[uint32](a.space, a.ids.Len()); err != nil {
		return err
	}
	meter := a.space.Meter()
	for k, i := range a.tree.Order {
		meter.Touch(1)
		if k > 0 {
			a.number[i] = uint32(k)
		}
	}
	return nil
}

// countClasses fills the class rows by name and loader, generation, liveness. It
// is the last step, and gives back the predecessors before it begins: the retained
// sizes of classes need room of their own.
func (a *analysis) countClasses() error {
	a.tree.FreePredecessors()
	graph.Free(a.space, &a.number)
	rowOf := a.shapeRows()
	list := a.shapes.list
	region := 0
	meter := a.space.Meter()
	a.ids.All(func(i uint32, id uint64) {
		meter.Touch(1)
		sh := a.shape[i]
		size := list[sh].size
		row := &a.rows.rows[rowOf[sh]]
		live := a.tree.Live.Has(i)
		row.Instances++
		row.Bytes += size
		a.out.Objects++
		a.out.Bytes += size
		if live {
			a.out.LiveObjects++
			a.out.LiveBytes += size
		}
		if a.gens == nil {
			return
		}
		var g genmap.Gen
		g, region = a.gens.Lookup(id, region)
		switch a.humongous(g, size) {
		case genmap.Old:
			row.Old.count(live, size)
		case genmap.Young:
			row.Young.count(live, size)
		case genmap.AboveTop:
			a.out.Above++
		case genmap.Stray:
			a.out.Strays++
		}
	})
	retained, err := a.tree.ByGroup(a.ret, len(a.rows.rows), func(i uint32) uint32 { return uint32(rowOf[a.shape[i]]) })
	if err != nil {
		return err
	}
	for i, r := range retained {
		a.rows.rows[i].Retained = int64(r)
	}
	a.out.Classes = a.rows.sorted()
	return nil
}

func (p *Population) count(live bool, size int64) {
	if live {
		p.Live++
		p.LiveBytes += size
	} else {
		p.Dead++
		p.DeadBytes += size
	}
}

// shapeRows finds the class row of each shape.
func (a *analysis) shapeRows() []int {
	rowOf := make([]int, len(a.shapes.list))
	for i, s := range a.shapes.list {
		rowOf[i] = a.rows.of(a.classOf(s.class), a.loaderOf(s.class))
	}
	return rowOf
}

// classOf is the name of a class as a shape has it.
func (a *analysis) classOf(class uint64) string {
	switch {
	case class == classClass:
		return "java.lang.Class"
	case isPrimitive(class):
		return primitiveName(class)
	}
	if info := a.heap.Class(class); info != nil {
		return className(info)
	}
	return unknownClass(class)
}

// loaderOf is the class of a class's loader, "" for the boot loader.
func (a *analysis) loaderOf(class uint64) string {
	info := a.heap.Class(class)
	if info == nil || info.Loader == 0 {
		return ""
	}
	i := a.ids.Index(info.Loader)
	if i == graph.None {
		return ""
	}
	return a.classOf(a.shapes.list[a.shape[i]].class)
}

// name is the class of the object with the given index.
func (a *analysis) name(i uint32) string { return a.classOf(a.shapes.list[a.shape[i]].class) }
