package hprof

import (
	"cmp"
	"slices"
	"strings"
)

// Heap is a dump whose classes are known: the sizes and references of its
// objects can be told.
type Heap struct {
	*File
	Layout Layout
	byID   map[uint64]*Info
	infos  []*Info
}

// Info is a class with what follows from its superclasses.
type Info struct {
	*Class
	Index int   // in Heap.Classes
	Size  int64 // shallow size of an instance; 0 for an array class, whose objects differ
	Refs  []Ref // references in an instance, of the class itself first
	// Kind is how instances of a subclass of java.lang.ref.Reference hold their referent.
	Kind ReferenceKind
	// ObjectSize is the size of the java.lang.Class itself, static fields included.
	ObjectSize int64
}

// Ref is a reference field of an instance.
type Ref struct {
	Offset uint32 // in the bytes of the instance
	Name   string
	Weak   bool // the referent of a Reference
}

// ReferenceKind tells apart the subclasses of java.lang.ref.Reference.
type ReferenceKind uint8

// The kinds of reference. A soft or final referent survives a collection, a weak
// or phantom one does not.
const (
	Strong ReferenceKind = iota
	Soft
	Final
	Weak
	Phantom
)

// NewHeap resolves classes, as the Class visitor has collected them.
func NewHeap(f *File, classes []*Class, layout Layout) *Heap {
	h := &Heap{File: f, Layout: layout, byID: make(map[uint64]*Info, len(classes))}
	slices.SortFunc(classes, func(a, b *Class) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range classes {
		if h.byID[c.ID] != nil {
			continue // a second dump of the same class tells nothing new
		}
		info := &Info{Class: c, Index: len(h.infos)}
		h.byID[c.ID] = info
		h.infos = append(h.infos, info)
	}
	shapes := map[uint64]shape{}
	for _, c := range h.infos {
		h.resolve(c, shapes)
	}
	h.classObjects()
	return h
}

// Field finds a field in the bytes of an instance of c: the one that the class
// named declaring declares, among c and its superclasses.
func (h *Heap) Field(c *Info, declaring, field string) (off int, t Type, ok bool) {
	k := c
	for range maxSupers {
		for _, f := range k.Fields {
			if f.Name == field && k.Name == declaring {
				return off, f.Type, true
			}
			off += int(h.width(f.Type))
		}
		if k = h.byID[k.Super]; k == nil {
			break
		}
	}
	return 0, 0, false
}

// Classes returns all classes, by id. They are the heap's own.
func (h *Heap) Classes() []*Info { return h.infos }

// Class returns the class with the given id, or nil.
func (h *Heap) Class(id uint64) *Info { return h.byID[id] }

// maxSupers bounds the walk up from a class, against a damaged dump in which
// superclasses form a ring.
const maxSupers = 1000

func (h *Heap) resolve(c *Info, shapes map[uint64]shape) {
	// The chain from the class up; fields lie in the dump in this order.
	var chain []*Info
	for k := c; k != nil && len(chain) < maxSupers; k = h.byID[k.Super] {
		chain = append(chain, k)
	}
	var off uint32
	for _, k := range chain {
		for _, field := range k.Fields {
			if field.Type == Object {
				weak := field.Name == "referent" && k.Name == "java.lang.ref.Reference"
				c.Refs = append(c.Refs, Ref{off, field.Name, weak})
			}
			off += uint32(h.width(field.Type))
		}
		c.Kind = max(c.Kind, referenceKind(k.Name))
	}
	if h.Layout.Plain {
		if !strings.HasSuffix(c.Name, "[]") {
			c.Size = int64(h.Layout.Header) + int64(off)
		}
		return
	}
	s := shape{end: int64(h.Layout.Header)}
	for _, k := range slices.Backward(chain) {
		done, ok := shapes[k.ID]
		if !ok {
			done = h.Layout.extend(s, k.Class)
			shapes[k.ID] = done
		}
		s = done
	}
	if !strings.HasSuffix(c.Name, "[]") {
		c.Size = align(s.end, h.Layout.Alignment)
	}
}

// classObjects sizes the java.lang.Class objects: the fields of java.lang.Class,
// then the static fields of the class it stands for.
func (h *Heap) classObjects() {
	mirror := int64(classObject)
	for _, c := range h.infos {
		if c.Name == "java.lang.Class" {
			mirror = c.Size
		}
	}
	for _, c := range h.infos {
		c.ObjectSize = align(mirror+int64(c.staticBytes)+int64(c.staticRefs*h.Layout.Reference), h.Layout.Alignment)
	}
}

// classObject is the size of a java.lang.Class without static fields, where the
// dump does not have that class.
const classObject = 96

func referenceKind(class string) ReferenceKind {
	switch class {
	case "java.lang.ref.SoftReference":
		return Soft
	case "java.lang.ref.WeakReference":
		return Weak
	case "java.lang.ref.PhantomReference":
		return Phantom
	case "java.lang.ref.FinalReference":
		return Final
	default:
		return Strong
	}
}

// ObjectsSize is the shallow size of an array of n references.
func (h *Heap) ObjectsSize(n int64) int64 { return h.Layout.Array(n, h.Layout.Reference) }

// PrimitiveSize is the shallow size of an array of n elements of type t.
func (h *Heap) PrimitiveSize(t Type, n int64) int64 {
	return h.Layout.Array(n, h.Layout.elementWidth(t))
}
