package jvm

import (
	"regexp"
	"unicode/utf16"

	"github.com/clewhq/clew/heapdiff/internal/graph"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// tops names the wanted nodes that only the virtual root dominates and that no
// static field refers to: roots by what they are, others by the nearest root.
func (h *holding) tops() map[uint32]string {
	kinds := map[uint32]hprof.Root{} // by number
	for _, r := range h.roots {
		v := h.numberOf(r.ID)
		if v == 0 || !h.wanted.Has(v) {
			continue
		}
		// A thread is also found on its own stack, a system class in JNI handles.
		if old, ok := kinds[v]; !ok || rank(r.Kind) < rank(old.Kind) {
			kinds[v] = r
		}
	}
	out := map[uint32]string{}
	meter := h.space.Meter()
	for i := 1; i < len(h.tree.Order); i++ {
		meter.Touch(1)
		v := uint32(i)
		if h.tree.IDom[v] != 0 || !h.wanted.Has(v) || h.labels[v] != "" || h.classKey(v) == classClass {
			continue
		}
		r, isRoot := kinds[v]
		switch {
		case !isRoot:
			out[v] = h.shared(v)
		case r.Kind == hprof.RootThreadObject:
			out[v] = h.threadLabel(h.ids.ID(h.tree.Order[v]))
		default:
			out[v] = r.Kind.String()
		}
	}
	return out
}

func rank(k hprof.RootKind) int {
	switch k {
	case hprof.RootThreadObject:
		return 0
	case hprof.RootStickyClass:
		return 1
	case hprof.RootJNIGlobal:
		return 2
	default:
		return 3
	}
}

// shared names an object that several paths lead to by the shortest of them.
func (h *holding) shared(v uint32) string {
	chain := h.chain(v, nil)
	if len(chain) < 2 {
		return "(shared)"
	}
	return h.rootName(chain[0], chain[1]) + " (shared)"
}

// rootName names the beginning of a chain: the static field through which a
// class refers to the next node, a thread, or the class of a root.
func (a *analysis) rootName(root, next uint32) string {
	id := a.ids.ID(a.tree.Order[root])
	if c := a.heap.Class(id); c != nil {
		to := a.ids.ID(a.tree.Order[next])
		for _, s := range c.Statics {
			if s.ID == to {
				return className(c) + "." + s.Name
			}
		}
		return "class " + className(c)
	}
	return a.name(a.tree.Order[root])
}

// maxSearch bounds the search for a path, in nodes.
const maxSearch = 200_000

// chain is the shortest way to v from a static field or a root, which is first;
// it is nil if none is near. avoid are nodes that it may not pass.
func (a *analysis) chain(v uint32, avoid map[uint32]bool) []uint32 {
	next := map[uint32]uint32{v: 0}
	queue := []uint32{v}
	meter := a.space.Meter()
	for len(queue) > 0 && len(next) < maxSearch {
		q := queue[0]
		queue = queue[1:]
		if q != v && a.isEnd(q, next[q]) {
			var out []uint32
			for n := q; n != 0; n = next[n] {
				out = append(out, n)
			}
			return out
		}
		for _, p := range a.tree.Predecessors(q) {
			meter.Touch(1)
			if _, seen := next[p]; !seen && !avoid[p] {
				next[p] = q
				queue = append(queue, p)
			}
		}
	}
	return nil
}

// isEnd tells whether a path may begin at q: at a class whose static field leads
// on, or at a root, to which no edges lead.
func (a *analysis) isEnd(q, to uint32) bool {
	if len(a.tree.Predecessors(q)) == 0 {
		return true
	}
	c := a.heap.Class(a.ids.ID(a.tree.Order[q]))
	if c == nil {
		return false
	}
	target := a.ids.ID(a.tree.Order[to])
	for _, s := range c.Statics {
		if s.ID == target {
			return true
		}
	}
	return false
}

var digits = regexp.MustCompile(`[0-9]+`)

// threadLabel names a thread; its numbers become #, so that the threads of a
// pool are one holder and have the same name in the next snapshot.
func (a *analysis) threadLabel(id uint64) string {
	name := a.threadName(id)
	if name == "" {
		return "thread"
	}
	return `thread "` + digits.ReplaceAllString(name, "#") + `"`
}

func (a *analysis) threadName(id uint64) string {
	var nameID uint64
	err := a.visitObjects([]uint64{id}, func(o object) {
		if o.info == nil {
			return
		}
		if off, t, ok := a.heap.Field(o.info, "java.lang.Thread", "name"); ok && t == hprof.Object && off+a.file.IDSize <= len(o.fields) {
			nameID = a.file.IDAt(o.fields, off)
		}
	})
	if err != nil || nameID == 0 {
		return ""
	}
	return a.stringOf(nameID)
}

// maxString bounds the length of a name that is read, in bytes.
const maxString = 256

// stringOf reads a java.lang.String.
func (a *analysis) stringOf(id uint64) string {
	var value uint64
	latin := false
	err := a.visitObjects([]uint64{id}, func(o object) {
		if o.info == nil {
			return
		}
		if off, t, ok := a.heap.Field(o.info, "java.lang.String", "value"); ok && t == hprof.Object && off+a.file.IDSize <= len(o.fields) {
			value = a.file.IDAt(o.fields, off)
		}
		if off, t, ok := a.heap.Field(o.info, "java.lang.String", "coder"); ok && t == hprof.Byte && off < len(o.fields) {
			latin = o.fields[off] == 0
		}
	})
	if err != nil || value == 0 || a.ids.Index(value) == graph.None {
		return ""
	}
	var out string
	err = a.visitObjects([]uint64{value}, func(o object) {
		b := o.fields[:min(len(o.fields), maxString)]
		if latin {
			out = latin1(b)
			return
		}
		out = a.utf16(b)
	})
	if err != nil {
		return ""
	}
	return out
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// utf16 decodes a char[], which the dump has in big endian, or the byte[] of a
// String with the coder UTF16, which has the order of the machine: it is taken
// for little endian when every second byte from the first is not zero more often.
func (a *analysis) utf16(b []byte) string {
	little := 0
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] != 0 && b[i+1] == 0 {
			little++
		} else if b[i] == 0 && b[i+1] != 0 {
			little--
		}
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 0; i+1 < len(b); i += 2 {
		u := uint16(b[i])<<8 | uint16(b[i+1])
		if little > 0 {
			u = uint16(b[i+1])<<8 | uint16(b[i])
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
