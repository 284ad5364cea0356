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
	// Plain leaves out what a dump does not tell: objects have a header of two ids,
	// the fields as they lie in the dump and no padding. Readers that do not know
	// the JVM count so; Header and ArrayBase do not matter then.
	Plain bool
}

// PlainLayout is that of a dump with ids of the given size.
func PlainLayout(idSize int) Layout {
	return Layout{Reference: idSize, Header: 2 * idSize, Plain: true}
}

// NewLayout returns the layout with the given sizes of a reference and a header.
func NewLayout(reference, header int) Layout {
	base := header + 4
	if header == 16 {
		base = 24
	}
	return Layout{Reference: reference, Header: header, ArrayBase: base}
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
	return align(base+n*int64(width), 8)
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

// extend lays out fields behind those of s, as HotSpot does since JDK 15
// (FieldLayoutBuilder::compute_regular_layout): the wide primitives, the narrow
// ones, the references, each into the smallest gap that fits, else at the end.
func (l Layout) extend(s shape, fields []Field) shape {
	s.gaps = slices.Clone(s.gaps)
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

// injected are the fields that HotSpot adds to classes of its own and leaves out
// of a dump (javaClasses.hpp, *_INJECTED_FIELDS), as they stand in JDK 17. Some
// have become ordinary fields since; those are not added again.
var injected = map[string][]Field{
	"java.lang.Class": {
		{"klass", Long},
		{"array_klass", Long},
		{"oop_size", Int},
		{"static_oop_field_count", Int},
		{"protectionDomain", Object},
		{"signers", Object},
		{"source_file", Object},
	},
	"java.lang.ClassLoader":                                {{"loader_data", Long}},
	"java.lang.Module":                                     {{"module_entry", Long}},
	"java.lang.invoke.ResolvedMethodName":                  {{"vmholder", Object}, {"vmtarget", Long}},
	"java.lang.invoke.MemberName":                          {{"vmindex", Long}},
	"java.lang.invoke.MethodHandleNatives$CallSiteContext": {{"vmdependencies", Long}, {"last_cleanup", Long}},
	"java.lang.String":                                     {{"flags", Byte}},
	"java.lang.StackFrameInfo":                             {{"version", Short}},
	"java.lang.InternalError":                              {{"during_unsafe_access", Boolean}},
}

// contended are the classes of the JDK that are, or have fields, marked
// @Contended, which a dump does not show. A class with the field named is of a
// JDK that has dropped the mark.
var contended = map[string]string{
	"java.lang.Thread":                                   "holder",
	"java.util.concurrent.ForkJoinPool":                  "",
	"java.util.concurrent.ForkJoinPool$WorkQueue":        "",
	"java.util.concurrent.ConcurrentHashMap$CounterCell": "",
	"java.util.concurrent.Exchanger$Node":                "",
	"java.util.concurrent.atomic.Striped64$Cell":         "",
}

// padding is what HotSpot puts before and again behind contended fields
// (-XX:ContendedPaddingWidth).
const padding = 128

// complete returns the fields of c with those that HotSpot injects.
func complete(c *Class) []Field {
	fields := slices.Clone(c.Fields)
	for _, in := range injected[c.Name] {
		if !c.declares(in.Name) {
			fields = append(fields, in)
		}
	}
	return fields
}

func isContended(c *Class) bool {
	dropped, ok := contended[c.Name]
	return ok && !c.declares(dropped)
}

// Infer finds the layout from the distances between neighbours: where the writer
// walked the heap in order, the id behind an array's is its end. id is that of
// any object, 0 if there is none.
func (f *File) Infer() (l Layout, id uint64) {
	s := sampler{f: f}
	v := Visitor{
		Instance: func(id, _ uint64, _ []byte) { s.next(id, 0, 0) },
		Objects:  func(id, _ uint64, e []byte) { s.next(id, Object, int64(len(e)/f.IDSize)) },
		Primitive: func(id uint64, t Type, n uint32, _ []byte) {
			s.next(id, t, int64(n))
		},
	}
	for _, seg := range f.segs {
		_ = f.walk(seg, &v) // damage is for the walk that follows to tell
		if s.seen > samples {
			break
		}
	}
	return s.decide(), s.top
}

// samples is how many objects Infer looks at, and votes how many must agree.
const (
	samples = 200_000
	votes   = 20
)

type sampler struct {
	f        *File
	last     uint64
	lastType Type
	lastN    int64
	seen     int
	top      uint64

	bases [25]int // by array base: neighbours that fit it
	refs  [9]int  // by width of a reference: the same
}

func (s *sampler) next(id uint64, t Type, n int64) {
	d := int64(id - s.last)
	switch {
	case s.lastType == Byte:
		for base := 12; base <= 24; base += 4 {
			if d == align(int64(base)+s.lastN, 8) {
				s.bases[base]++
			}
		}
	case s.lastType == Object && s.lastN > 4: // of fewer, the size may fit both
		for ref := 4; ref <= 8; ref += 4 {
			lo, hi := align(12+s.lastN*int64(ref), 8), align(24+s.lastN*int64(ref), 8)
			if d >= lo && d <= hi {
				s.refs[ref]++
			}
		}
	}
	s.last, s.lastType, s.lastN = id, t, n
	s.top = max(s.top, id)
	s.seen++
}

func (s *sampler) decide() Layout {
	if s.f.IDSize == 4 {
		return NewLayout(4, 8)
	}
	ref := 4
	switch {
	case s.refs[4]+s.refs[8] >= votes:
		if s.refs[8] > s.refs[4] {
			ref = 8
		}
	case s.top >= 32<<30: // compressed references reach no farther
		ref = 8
	}
	base, most := 0, votes
	for _, b := range []int{16, 12, 24, 20} {
		if s.bases[b] > most {
			base, most = b, s.bases[b]
		}
	}
	switch base {
	case 12:
		return Layout{Reference: ref, Header: 8, ArrayBase: 12}
	case 20, 24:
		return Layout{Reference: ref, Header: 16, ArrayBase: base}
	case 16:
		return Layout{Reference: ref, Header: 12, ArrayBase: 16}
	}
	return NewLayout(ref, s.defaultHeader(ref))
}

// defaultHeader is for a dump whose objects have no neighbours. Up to JDK 14 the
// class pointer was compressed only together with the references; java.lang.Record
// is loaded by every later JVM.
func (s *sampler) defaultHeader(ref int) int {
	if ref == 4 {
		return 12
	}
	for _, nameID := range s.f.names {
		if s.f.text(nameID) == "java/lang/Record" {
			return 12
		}
	}
	return 16
}
