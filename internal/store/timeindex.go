package store

import (
	"cmp"
	"slices"
	"time"
)

// timeIndex holds traces in the order of their start. New ones come in near
// the end, where inserting into a slice is cheap.
type timeIndex []*entry

func compareTime(a, b *entry) int {
	if c := cmp.Compare(a.key, b.key); c != 0 {
		return c
	}
	return cmp.Compare(a.seq, b.seq)
}

func (x *timeIndex) insert(t *entry) {
	i, _ := slices.BinarySearchFunc(*x, t, compareTime)
	*x = slices.Insert(*x, i, t)
}

func (x *timeIndex) remove(t *entry) {
	if i, found := slices.BinarySearchFunc(*x, t, compareTime); found {
		*x = slices.Delete(*x, i, i+1)
	}
}

// timeKey is the place in the order of time of a span that says it began at
// start and came at seen. A start that is unset or more than an hour ahead is
// a broken clock's: such a trace is filed under when it came, or it would stay
// at the head of the list for good, or never be seen.
func timeKey(start, seen int64) int64 {
	if start <= 0 || start > seen+int64(time.Hour) {
		return seen
	}
	return start
}
