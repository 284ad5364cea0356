package graph

// Set is a set of nodes, by index.
type Set []uint64

// NewSet returns an empty set that has room for the indexes below n.
func NewSet(n int) Set { return make(Set, (n+63)/64) }

// Has tells whether i is in the set.
func (s Set) Has(i uint32) bool { return s[i/64]>>(i%64)&1 != 0 }

// Add puts i into the set.
func (s Set) Add(i uint32) { s[i/64] |= 1 << (i % 64) }
