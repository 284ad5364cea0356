package hprof

import (
	"cmp"
	"slices"
)

// Layout is how the JVM lays out objects, which decides their shallow size. A
// dump does not tell it: it holds the fields, not the object.
type Layout struct {
	Reference int // bytes of a reference: 4 when compressed, else 8
	Header    int // bytes before the first field: 8, 12 or 16
	ArrayBase int // bytes before the first element of an array of bytes
	Alignment int // objects begin at multiples of it (-XX:ObjectAlignmentInBytes), 8 at least
	// Before15 says that fields lie as HotSpot laid them out up to JDK 14, and
	// Before9 that the JDK is 8 or older.
	Before15, Before9 bool
	// Plain leaves out what a dump does not tell: objects have a header of two ids,
	// the fields as they lie in the dump and no padding. Readers that do not know
	// the JVM count so; Header and ArrayBase do not matter then.
	Plain bool
}

// PlainLayout is that of a dump with ids of the given size.
func PlainLayout(idSize int) Layout {
	return Layout{Reference: idSize, Header: 2 * idSize, Alignment: 1, Plain: true}
}

// minAlignment is HotSpot's, and what it takes unless told otherwise.
const minAlignment = 8

// NewLayout returns the layout of a JDK since 15 with the given sizes of a
// reference and a header.
func NewLayout(reference, header int) Layout {
	base := header + 4
	if header == 16 {
		base = 24
	}
	return Layout{Reference: reference, Header: header, ArrayBase: base, Alignment: minAlignment}
}

func align(n int64, to int) int64 { return (n + int64(to) - 1) &^ (int64(to) - 1) }

// Array is the size of an array of n elements of the given width in bytes.
func (l Layout) Array(n int64, width int) int64 {
	if l.Plain {
		return int64(l.Header) + 8 + n*int64(width)
	}
	base := int64(l.ArrayBase)
	if width == 8 {
		base = align(base, 8)
	}
	return align(base+n*int64(width), l.Alignment)
}

// elementWidth is the width of an element of type t in memory.
func (l Layout) elementWidth(t Type) int {
	if t == Object {
		return l.Reference
	}
	return t.Size()
}

// shape is the layout of one class while subclasses still add to it.
type shape struct {
	end  int64
	gaps []gap // in ascending order
}

type gap struct{ at, size int64 }

// extend lays out the fields of c behind those of its superclass.
func (l Layout) extend(super shape, c *Class) shape {
	plain, apart := split(c, l.injectedInto(c))
	place := l.place
	if l.Before15 {
		place = l.placeBefore15
		if inOrder[c.Name] {
			place = l.placeInOrder
		}
	}
	s := shape{super.end, slices.Clone(super.gaps)}
	if wholly(c) {
		s = shape{end: s.end + padding}
	}
	s = place(s, plain)
	if len(apart) > 0 {
		s = place(shape{end: s.end + padding}, apart)
	}
	if wholly(c) || len(apart) > 0 {
		s = shape{end: s.end + padding}
	}
	return s
}

// place lays out fields as HotSpot does since JDK 15
// (FieldLayoutBuilder::compute_regular_layout): the wide primitives, the narrow
// ones, the references, each into the smallest gap that fits, else at the end.
func (l Layout) place(s shape, fields []Field) shape {
	var primitives []int
	refs := 0
	for _, f := range fields {
		if f.Type == Object {
			refs++
		} else {
			primitives = append(primitives, f.Type.Size())
		}
	}
	slices.SortFunc(primitives, func(a, b int) int { return cmp.Compare(b, a) })
	for _, w := range primitives {
		s.place(int64(w))
	}
	for range refs {
		s.place(int64(l.Reference))
	}
	return s
}

func (s *shape) place(w int64) {
	best := -1
	for i, g := range slices.Backward(s.gaps) {
		if align(g.at, int(w))+w <= g.at+g.size && (best < 0 || g.size < s.gaps[best].size) {
			best = i
		}
	}
	if best < 0 {
		at := align(s.end, int(w))
		if at > s.end {
			s.gaps = append(s.gaps, gap{s.end, at - s.end})
		}
		s.end = at + w
		return
	}
	g := s.gaps[best]
	at := align(g.at, int(w))
	var rest []gap
	if at > g.at {
		rest = append(rest, gap{g.at, at - g.at})
	}
	if tail := g.at + g.size - at - w; tail > 0 {
		rest = append(rest, gap{at + w, tail})
	}
	s.gaps = slices.Replace(s.gaps, best, best+1, rest...)
}
