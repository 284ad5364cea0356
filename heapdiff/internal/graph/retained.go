package graph

// Retained returns by number the bytes that would go with the node: its own and
// those of all that it dominates. size is a node's own, by index. The caller
// frees the table.
func (t *Tree) Retained(size func(index uint32) uint64) ([]uint64, error) {
	ret, err := Alloc[uint64](t.space, len(t.Order))
	if err != nil {
		return nil, err
	}
	meter := t.space.Meter()
	for i := 1; i < len(ret); i++ {
		meter.Touch(1)
		ret[i] = size(t.Order[i])
	}
	for i := len(ret) - 1; i >= 1; i-- {
		meter.Touch(1)
		ret[t.IDom[i]] += ret[i]
	}
	return ret, nil
}

// ByGroup sums retained over the nodes of each group, such as a class, that no
// other node of the same group dominates: bytes are counted once. group is a
// node's group, by index; there are groups of them.
func (t *Tree) ByGroup(retained []uint64, groups int, group func(index uint32) uint32) ([]uint64, error) {
	m := len(t.Order)
	// Number the nodes anew in an order in which each one's subtree follows it:
	// a node is inside a group's subtree when its place is before that one's end.
	count, err := Alloc[uint32](t.space, m)
	if err != nil {
		return nil, err
	}
	defer Free(t.space, &count)
	place, err := Alloc[uint32](t.space, m)
	if err != nil {
		return nil, err
	}
	defer Free(t.space, &place)
	meter := t.space.Meter()
	for i := m - 1; i >= 1; i-- {
		meter.Touch(1)
		count[i]++
		count[t.IDom[i]] += count[i]
	}
	// place[i] holds where the next child of i goes, until i's children are done;
	// children come after their dominator, so i's own place is known by then.
	at, err := Alloc[uint32](t.space, m)
	if err != nil {
		return nil, err
	}
	defer Free(t.space, &at)
	place[0] = 1
	for i := 1; i < m; i++ {
		meter.Touch(1)
		d := t.IDom[i]
		p := place[d]
		place[d] += count[i]
		place[i] = p + 1
		at[p] = uint32(i)
	}
	out := make([]uint64, groups)
	end := make([]uint32, groups)
	for p := uint32(1); int(p) < m; p++ {
		meter.Touch(1)
		i := at[p]
		g := group(t.Order[i])
		if p >= end[g] {
			out[g] += retained[i]
			end[g] = p + count[i]
		}
	}
	return out, nil
}
