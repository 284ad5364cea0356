package store

import "unsafe"

// perMapEntry is about what a span costs in its trace's maps and lists beside
// itself.
const perMapEntry = 64

// spanBytes estimates what a span keeps in memory, its resource apart.
func spanBytes(s *Span) int64 {
	n := int(unsafe.Sizeof(*s)) + perMapEntry + len(s.Name) + len(s.TraceState) + len(s.StatusText) +
		len(s.Scope.Name) + len(s.Scope.Version) + attrBytes(s.Attrs)
	for i := range s.Events {
		e := &s.Events[i]
		n += int(unsafe.Sizeof(*e)) + len(e.Name) + attrBytes(e.Attrs)
	}
	for i := range s.Links {
		n += int(unsafe.Sizeof(s.Links[i])) + attrBytes(s.Links[i].Attrs)
	}
	return int64(n)
}

func resourceBytes(r *Resource) int64 {
	return int64(int(unsafe.Sizeof(*r)) + perMapEntry + len(r.Service) + attrBytes(r.Attrs))
}

func attrBytes(attrs []Attr) (n int) {
	for i := range attrs {
		n += int(unsafe.Sizeof(attrs[i])) + len(attrs[i].Key) + len(attrs[i].Value)
	}
	return n
}
