package hprof

// inOrder are the classes whose first fields HotSpot knew by heart up to JDK 14:
// references come first in them, and no gap is filled.
var inOrder = map[string]bool{
	"java.lang.AssertionStatusDirectives": true,
	"java.lang.Class":                     true,
	"java.lang.ClassLoader":               true,
	"java.lang.ref.Reference":             true,
	"java.lang.ref.SoftReference":         true,
	"java.lang.StackTraceElement":         true,
	"java.lang.String":                    true,
	"java.lang.Throwable":                 true,
	"java.lang.Boolean":                   true,
	"java.lang.Character":                 true,
	"java.lang.Float":                     true,
	"java.lang.Double":                    true,
	"java.lang.Byte":                      true,
	"java.lang.Short":                     true,
	"java.lang.Integer":                   true,
	"java.lang.Long":                      true,
}

// placeBefore15 lays out fields as HotSpot did up to JDK 14
// (ClassFileParser::layout_fields): those of a superclass end at the width of a
// reference, and no later class fills their gaps. In front of the first field of
// eight bytes stands what fits of the narrower ones.
func (l Layout) placeBefore15(s shape, fields []Field) shape {
	n := l.widths(fields)
	at := align(s.end, l.Reference)
	if n.wide > 0 {
		gap := align(at, 8) - at
		at += gap
		for _, narrow := range []struct {
			n     *int64
			width int64
		}{{&n.words, 4}, {&n.shorts, 2}, {&n.bytes, 1}, {&n.refs, int64(l.Reference)}} {
			for *narrow.n > 0 && gap >= narrow.width {
				*narrow.n--
				gap -= narrow.width
			}
		}
	}
	at += 8*n.wide + 4*n.words + 2*n.shorts + n.bytes
	if n.refs > 0 {
		at = align(at, l.Reference) + n.refs*int64(l.Reference)
	}
	return shape{end: at}
}

// placeInOrder is the same for the classes of inOrder.
func (l Layout) placeInOrder(s shape, fields []Field) shape {
	n := l.widths(fields)
	at := align(s.end, l.Reference) + n.refs*int64(l.Reference)
	if n.wide > 0 {
		at = align(at, 8)
	}
	return shape{end: at + 8*n.wide + 4*n.words + 2*n.shorts + n.bytes}
}

// widths counts fields by their width: of 8, 4, 2 and 1 byte, and references.
type widths struct{ wide, words, shorts, bytes, refs int64 }

func (l Layout) widths(fields []Field) (n widths) {
	for _, f := range fields {
		switch {
		case f.Type == Object:
			n.refs++
		case f.Type.Size() == 8:
			n.wide++
		case f.Type.Size() == 4:
			n.words++
		case f.Type.Size() == 2:
			n.shorts++
		default:
			n.bytes++
		}
	}
	return n
}
