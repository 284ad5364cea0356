//go:build !propagate_noambient

package propagate

import "unsafe"

// A node is a label set that shows a cell's labels among a user's. It has the
// same self-reference as a cell, so that it is known directly.
type (
	node4 struct {
		header
		list [4]label
	}
	node8 struct {
		header
		list [8]label
	}
	node16 struct {
		header
		list [16]label
	}
)

// newNode returns a set with room for n labels that is known as c's. Beyond 16
// labels it is an ordinary one, which the registry knows.
func newNode(c *cell, n int) *header {
	var h *header
	switch {
	case n <= 4:
		x := new(node4)
		h, x.set.List = &x.header, x.list[:0]
	case n <= 8:
		x := new(node8)
		h, x.set.List = &x.header, x.list[:0]
	case n <= 16:
		x := new(node16)
		h, x.set.List = &x.header, x.list[:0]
	default:
		c.register()
		return &header{set: labelSet{make([]label, 0, n)}}
	}
	h.self, h.mark = c, unsafe.Pointer(&keys)
	return h
}

// ours reports whether k is one of our keys, not merely of the same name.
func ours(k string) bool {
	p := unsafe.StringData(k)
	return p == &keys.span[0] || p == &keys.trace[0] || p == &keys.flags[0]
}

// users counts the labels to keep when c's take their place: all but ours and
// those of the same name as the ones c shows.
func users(list []label, c *cell) (n int) {
	for i := range list {
		if keep(list[i].Key, c) {
			n++
		}
	}
	return n
}

func keep(k string, c *cell) bool {
	return !ours(k) && (c == nil || !c.sampled() || k != keySpan && k != keyTrace)
}

// wear returns the label set for a goroutine that has the labels of list and
// is to carry c: the user's labels stay, c's replace another cell's. For a nil
// c only the user's remain. The result is nil when there is nothing to show.
func wear(c *cell, list []label) unsafe.Pointer {
	n := users(list, c)
	switch {
	case n == 0:
		return unsafe.Pointer(c)
	case c == nil:
		return unsafe.Pointer(merge(&header{set: labelSet{make([]label, 0, n)}}, list, nil, nil))
	case !c.sampled() && n <= 16:
		return unsafe.Pointer(merge(newNode(c, n), list, c, nil))
	}
	return unsafe.Pointer(merge(newNode(c, n+2), list, c, c.shown()))
}

// show is wear for a set that runtime/pprof will copy from: c is registered
// and has at least one label.
func show(c *cell, list []label) unsafe.Pointer {
	c.register()
	n := users(list, c)
	if n == 0 && c.sampled() {
		return unsafe.Pointer(c)
	}
	return unsafe.Pointer(merge(newNode(c, n+2), list, c, c.shown()))
}

// merge appends to h's list those of list to keep, and mine, in order of keys.
func merge(h *header, list []label, c *cell, mine []label) *header {
	out := h.set.List
	for i := range list {
		l := list[i]
		if !keep(l.Key, c) {
			continue
		}
		for len(mine) > 0 && mine[0].Key < l.Key {
			out, mine = append(out, mine[0]), mine[1:]
		}
		out = append(out, l)
	}
	h.set.List = append(out, mine...)
	return h
}
