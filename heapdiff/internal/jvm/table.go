package jvm

import (
	"github.com/clewhq/clew/heapdiff/internal/genmap"
	"github.com/clewhq/clew/heapdiff/internal/hprof"
)

// count is what the first pass knows of a class: all its objects by generation.
type count struct {
	class    uint64 // its id, or a hprof.Type for a primitive array
	n        [genmap.Old + 1]int64
	bytes    [genmap.Old + 1]int64 // of arrays; instances are sized when their class is known
	elements int64                 // of object arrays
}

func (c *count) total() (n int64) {
	for _, k := range c.n {
		n += k
	}
	return n
}

// table finds the count of a class by open addressing: a Go map costs more than
// the reading of the record itself.
type table struct {
	slots []count
	used  int
	near  [256]*count // by some bits of the class: the one met last
}

// of returns the count of class. It is valid until the next call. Class 0, which
// only a damaged dump has, is counted as the last id.
func (t *table) of(class uint64) *count {
	if c := t.near[hash(class)>>56]; c != nil && c.class == class {
		return c
	}
	return t.find(class)
}

func (t *table) find(class uint64) *count {
	if class == 0 {
		class = ^uint64(0)
	}
	if t.used*2 >= len(t.slots) {
		t.grow()
	}
	c := &t.slots[t.slot(class)]
	if c.class == 0 {
		c.class = class
		t.used++
	}
	t.near[hash(class)>>56] = c
	return c
}

func hash(class uint64) uint64 { return class * 0x9e3779b97f4a7c15 }

func (t *table) slot(class uint64) int {
	mask := uint64(len(t.slots) - 1)
	i := hash(class) >> 32 & mask
	for t.slots[i].class != 0 && t.slots[i].class != class {
		i = (i + 1) & mask
	}
	return int(i)
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]count, max(1024, 2*len(old)))
	clear(t.near[:])
	for _, c := range old {
		if c.class != 0 {
			t.slots[t.slot(c.class)] = c
		}
	}
}

func (t *table) add(o *table) {
	for i := range o.slots {
		from := &o.slots[i]
		if from.class == 0 {
			continue
		}
		to := t.of(from.class)
		for g := range from.n {
			to.n[g] += from.n[g]
			to.bytes[g] += from.bytes[g]
		}
		to.elements += from.elements
	}
}

// isPrimitive tells whether the class id stands for a primitive type: ids are
// addresses, of which none is below 16.
func isPrimitive(class uint64) bool { return class < 16 }

func primitiveName(class uint64) string { return hprof.Type(class).String() + "[]" }
