package jvm

import (
	"slices"

	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// blockPages is how many pages of the dump a walk has touched between two calls
// of a visitor's Block.
const blockPages = 256

// object is one object, read again from the dump.
type object struct {
	id     uint64
	class  *hprof.Class // not nil when the object is a class
	info   *hprof.Info  // of an instance or an array; nil for a primitive array
	fields []byte       // of an instance or a primitive array
	edges  []edge
}

// edge is a reference with the name of the field it is in.
type edge struct {
	to   uint64
	name string // of a field; "static X" of a static one; "[]" in an array
	weak bool
}

// visitObjects calls f for the objects with the given ids, in the order of the
// dump. What f is given is valid during the call only.
func (a *analysis) visitObjects(ids []uint64, f func(object)) error {
	if len(ids) == 0 {
		return nil
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return a.file.Find(ids, a.objectVisitor(func(id uint64) bool {
		_, ok := slices.BinarySearch(ids, id)
		return ok
	}, f))
}

// objectVisitor calls f for each object that is wanted.
func (a *analysis) objectVisitor(wanted func(id uint64) bool, f func(object)) hprof.Visitor {
	return hprof.Visitor{
		Class: func(c *hprof.Class) {
			if wanted(c.ID) {
				f(object{id: c.ID, class: c, edges: classEdges(c)})
			}
		},
		Instance: func(id, class uint64, fields []byte) {
			if !wanted(id) {
				return
			}
			o := object{id: id, info: a.heap.Class(class), fields: fields}
			if o.info != nil {
				o.edges = a.fieldEdges(o.info, fields)
			}
			f(o)
		},
		Objects: func(id, class uint64, elements []byte) {
			if !wanted(id) {
				return
			}
			o := object{id: id, info: a.heap.Class(class)}
			for k := range len(elements) / a.file.IDSize {
				if to := a.file.ID(elements, k); to != 0 {
					o.edges = append(o.edges, edge{to, "[]", false})
				}
			}
			f(o)
		},
		Primitive: func(id uint64, _ hprof.Type, _ uint32, elems []byte) {
			if wanted(id) {
				f(object{id: id, fields: elems})
			}
		},
	}
}

func (a *analysis) fieldEdges(info *hprof.Info, fields []byte) []edge {
	edges := []edge{{info.ID, "<class>", false}}
	for _, r := range info.Refs {
		if int(r.Offset)+a.file.IDSize > len(fields) {
			break
		}
		if to := a.file.IDAt(fields, int(r.Offset)); to != 0 {
			edges = append(edges, edge{to, r.Name, r.Weak})
		}
	}
	return edges
}

func classEdges(c *hprof.Class) []edge {
	edges := []edge{{c.Super, "<super>", false}, {c.Loader, "<loader>", false}}
	for _, o := range c.Others {
		edges = append(edges, edge{o, "<protection domain>", false})
	}
	for _, s := range c.Statics {
		edges = append(edges, edge{s.ID, "static " + s.Name, false})
	}
	return edges
}
