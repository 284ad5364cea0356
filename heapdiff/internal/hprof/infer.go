package hprof

import "slices"

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

// alignments is how many values -XX:ObjectAlignmentInBytes can have: 8 to 256.
const alignments = 6

type sampler struct {
	f        *File
	last     uint64
	lastType Type
	lastN    int64
	seen     int
	top      uint64
	low      uint64 // the bits that ids have

	bases [alignments][25]int // by alignment and array base: neighbours that fit both
	refs  [alignments][9]int  // by alignment and width of a reference: the same
}

func (s *sampler) next(id uint64, t Type, n int64) {
	d := int64(id - s.last)
	for a := range alignments {
		s.vote(a, d)
	}
	s.last, s.lastType, s.lastN = id, t, n
	s.top = max(s.top, id)
	s.low |= id
	s.seen++
}

// vote counts what a distance of d behind the last object speaks for, if objects
// are aligned to 8<<a bytes.
func (s *sampler) vote(a int, d int64) {
	to := minAlignment << a
	switch {
	case s.lastType != Object && s.lastType.Size() > 0 && s.lastType.Size() < 8: // wider elements begin at 16 or 24
		for base := 12; base <= 24; base += 4 {
			if d == align(int64(base)+s.lastN*int64(s.lastType.Size()), to) {
				s.bases[a][base]++
			}
		}
	case s.lastType == Object && s.lastN > int64(to)/2: // of fewer, the size may fit both
		for ref := 4; ref <= 8; ref += 4 {
			lo, hi := align(12+s.lastN*int64(ref), to), align(24+s.lastN*int64(ref), to)
			if d >= lo && d <= hi {
				s.refs[a][ref]++
			}
		}
	}
}

// alignment is the number of doublings of the smallest that all ids have, and
// that the distances between neighbours speak for better than for any smaller.
func (s *sampler) alignment() int {
	best, most := 0, slices.Max(s.bases[0][:])
	for a := 1; a < alignments && s.low&(minAlignment<<a-1) == 0; a++ {
		if n := slices.Max(s.bases[a][:]); n >= max(most+1, votes) {
			best, most = a, n
		}
	}
	return best
}

func (s *sampler) decide() Layout {
	a := s.alignment()
	l := s.sizes(s.bases[a], s.refs[a], minAlignment<<a)
	l.Alignment = minAlignment << a
	return s.f.release(l)
}

// release notes how old the JDK is that wrote the dump. Every JVM since JDK 14
// loads java.lang.Record, and every one since JDK 9 java.lang.Module.
func (f *File) release(l Layout) Layout {
	l.Before15, l.Before9 = true, true
	for _, nameID := range f.names {
		switch f.text(nameID) {
		case "java/lang/Record":
			l.Before15, l.Before9 = false, false
			return l
		case "java/lang/Module":
			l.Before9 = false
		}
	}
	return l
}

// sizes finds those of a reference and of headers.
func (s *sampler) sizes(bases [25]int, refs [9]int, alignment uint64) Layout {
	if s.f.IDSize == 4 {
		return NewLayout(4, 8)
	}
	ref := 4
	switch {
	case refs[4]+refs[8] >= votes:
		if refs[8] > refs[4] {
			ref = 8
		}
	case s.top >= alignment<<32: // compressed references reach no farther
		ref = 8
	}
	base, most := 0, votes
	for _, b := range []int{16, 12, 24, 20} {
		if bases[b] > most {
			base, most = b, bases[b]
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
// class pointer was compressed only together with the references.
func (s *sampler) defaultHeader(ref int) int {
	if ref == 4 || !s.f.release(Layout{}).Before15 {
		return 12
	}
	return 16
}
