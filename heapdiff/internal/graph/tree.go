package graph

// Tree is the dominator tree of what the roots reach. Nodes are renumbered in
// the order in which a depth-first search meets them, from 1; 0 is a virtual
// root above all roots, so a node's dominator always has a lower number.
type Tree struct {
	space *Space
	Order []uint32 // by number: the node's index; Order[0] is unused
	IDom  []uint32 // by number: the immediate dominator's number
	// Live are the nodes that the roots reach, also by way of soft references.
	Live Set

	// Edges reversed, in numbers: the predecessors of q are preds[ends[q-1]:ends[q]].
	ends  []uint32
	preds []uint32
}

// Dominators computes the dominator tree from e, which it uses up and frees. No
// edge may lead to one of the roots: a root is dominated by nothing else.
//
// soft are references, each a node and what it refers to, that keep their object
// through a collection but dominate nothing.
//
// The algorithm is Semi-NCA: L. Georgiadis, "Linear-Time Algorithms for
// Dominators and Related Problems", Princeton 2005, chapter 2, with the path
// compression of Lengauer and Tarjan (1979). It keeps the least semidominator of
// a compressed path itself instead of the node that has it.
func Dominators(e *Edges, roots []uint32, soft [][2]uint32, step func(done float64)) (*Tree, error) {
	s := e.space
	defer e.Free()
	n := len(e.start)
	d := &search{Edges: e, meter: s.Meter()}
	defer d.free()
	var err error
	if d.pre, err = Alloc[uint32](s, n); err != nil {
		return nil, err
	}
	if d.order, err = Alloc[uint32](s, n+1); err != nil {
		return nil, err
	}
	if d.parent, err = Alloc[uint32](s, n+1); err != nil {
		return nil, err
	}
	d.count = 1
	for _, r := range roots {
		d.from(r)
	}
	// pre tells the same, and the edges turned round need the room.
	Free(s, &d.order)
	step(0.3)
	t := &Tree{space: s, Live: d.met()}
	e.revive(t.Live, soft)
	if t.ends, t.preds, err = d.reverse(); err != nil {
		return nil, err
	}
	e.Free()
	if t.Order, err = d.inOrder(); err != nil {
		t.Free()
		return nil, err
	}
	Free(s, &d.pre)
	step(0.5)
	t.IDom, d.parent = d.parent[:d.count], nil
	if err := t.semiNCA(); err != nil {
		t.Free()
		return nil, err
	}
	step(1)
	return t, nil
}

// Free gives the memory back.
func (t *Tree) Free() {
	t.FreePredecessors()
	Free(t.space, &t.IDom)
	Free(t.space, &t.Order)
}

// FreePredecessors gives back what only Predecessors needs.
func (t *Tree) FreePredecessors() {
	Free(t.space, &t.ends)
	Free(t.space, &t.preds)
}

// Predecessors returns the numbers of the nodes that refer to node number q.
func (t *Tree) Predecessors(q uint32) []uint32 {
	begin := uint32(0)
	if q > 0 {
		begin = t.ends[q-1]
	}
	return t.preds[begin:t.ends[q]]
}

// search is the state of the depth-first search.
type search struct {
	*Edges
	meter  *Meter
	pre    []uint32 // by index: the node's number, 0 before it is met
	order  []uint32
	parent []uint32 // by number, in numbers
	count  uint32
}

func (d *search) free() {
	Free(d.space, &d.pre)
	Free(d.space, &d.order)
	Free(d.space, &d.parent)
}

// from numbers what root reaches. There is no stack: start[u] itself moves over
// the edges of u, to their end when u is done, and parent leads back.
func (d *search) from(root uint32) {
	if d.pre[root] != 0 {
		return
	}
	end := uint32(d.used.Load())
	d.meet(root, 0)
	u, fresh := root, true
	for {
		d.meter.Touch(1)
		pos := d.start[u]
		if pos < end && (fresh || d.to[pos]&first == 0) {
			v := d.to[pos] &^ first
			d.start[u] = pos + 1
			fresh = false
			if d.pre[v] == 0 {
				d.meet(v, d.pre[u])
				u, fresh = v, true
			}
			continue
		}
		p := d.parent[d.pre[u]]
		if p == 0 {
			return
		}
		u, fresh = d.order[p], false
	}
}

// met are the nodes that the search has met.
func (d *search) met() Set {
	live := NewSet(len(d.pre))
	for i, p := range d.pre {
		d.meter.Touch(1)
		if p != 0 {
			live.Add(uint32(i))
		}
	}
	return live
}

// inOrder is the nodes by number.
func (d *search) inOrder() ([]uint32, error) {
	order, err := Alloc[uint32](d.space, int(d.count))
	if err != nil {
		return nil, err
	}
	for i, p := range d.pre {
		d.meter.Touch(1)
		if p != 0 {
			order[p] = uint32(i)
		}
	}
	return order, nil
}

func (d *search) meet(v, parent uint32) {
	d.pre[v] = d.count
	d.order[d.count] = v
	d.parent[d.count] = parent
	d.count++
}

// revive adds to live what soft references from live nodes lead to. The edges of
// the nodes that it goes over are as they were written: the search did not meet them.
func (e *Edges) revive(live Set, soft [][2]uint32) {
	var stack []uint32
	add := func(v uint32) {
		if !live.Has(v) {
			live.Add(v)
			stack = append(stack, v)
		}
	}
	end := uint32(e.used.Load())
	meter := e.space.Meter()
	for before := -1; before != len(soft); {
		before = len(soft)
		rest := soft[:0]
		for _, s := range soft {
			if !live.Has(s[0]) {
				rest = append(rest, s)
				continue
			}
			add(s[1])
			for len(stack) > 0 {
				u := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				for pos := e.start[u]; pos < end; pos++ {
					meter.Touch(1)
					if pos != e.start[u] && e.to[pos]&first != 0 {
						break
					}
					add(e.to[pos] &^ first)
				}
			}
		}
		soft = rest
	}
}

// reverse turns the edges between met nodes round. It goes over the nodes by
// index, for that is about the order in which their edges lie.
func (d *search) reverse() (ends, preds []uint32, err error) {
	if ends, err = Alloc[uint32](d.space, int(d.count)+1); err != nil {
		return nil, nil, err
	}
	total := 0
	for u, p := range d.pre {
		d.meter.Touch(1)
		if p == 0 || d.start[u] == None {
			continue
		}
		// The search has left start at the end of the edges.
		for k := d.start[u]; ; {
			k--
			d.meter.Touch(1)
			v := d.to[k]
			q := d.pre[v&^first]
			ends[q]++
			total++
			d.to[k] = q | v&first
			if v&first != 0 {
				break
			}
		}
	}
	if preds, err = Alloc[uint32](d.space, total); err != nil {
		Free(d.space, &ends)
		return nil, nil, err
	}
	sum := uint32(0)
	for q, n := range ends {
		d.meter.Touch(1)
		ends[q] = sum
		sum += n
	}
	for u, p := range d.pre {
		d.meter.Touch(1)
		if p == 0 || d.start[u] == None {
			continue
		}
		for k := d.start[u]; ; {
			k--
			d.meter.Touch(1)
			q := d.to[k]
			preds[ends[q&^first]] = p
			ends[q&^first]++
			if q&first != 0 {
				break
			}
		}
	}
	return ends, preds, nil
}

// semiNCA turns IDom, which holds the parents of the search, into dominators.
func (t *Tree) semiNCA() error {
	s, m := t.space, len(t.Order)
	semi, err := Alloc[uint32](s, m)
	if err != nil {
		return err
	}
	defer Free(s, &semi)
	links, err := Alloc[uint64](s, m)
	if err != nil {
		return err
	}
	defer Free(s, &links)

	f := forest{links: links, meter: s.Meter()}
	for i := uint32(m) - 1; i >= 1; i-- {
		f.meter.Touch(1)
		semi[i] = t.semidominator(&f, i)
		f.links[i] = link(t.IDom[i], semi[i])
	}
	for i := 1; i < m; i++ {
		f.meter.Touch(1)
		d := t.IDom[i]
		for d > semi[i] {
			f.meter.Touch(1)
			d = t.IDom[d]
		}
		t.IDom[i] = d
	}
	return nil
}

// semidominator is that of node i, when f has the nodes above it. Of an object
// that the whole heap refers to the predecessors lie all over the table; every
// second one is gone through backwards, to meet the pages that the one before
// left in memory.
func (t *Tree) semidominator(f *forest, i uint32) uint32 {
	low := t.IDom[i]
	preds := t.Predecessors(i)
	for k := range preds {
		if i&1 != 0 {
			k = len(preds) - 1 - k
		}
		f.meter.Touch(1)
		v := preds[k]
		if v > i {
			v = f.eval(v, i)
		}
		if low = min(low, v); low == 0 {
			break
		}
	}
	return low
}

// forest is the part of the search tree whose semidominators are known. A link
// is a node's ancestor, which begins as its parent and is shortened by
// compression, and the least semidominator on the way there: together, for they
// are looked at together, anywhere in a table that no cache can hold.
type forest struct {
	links []uint64
	meter *Meter
}

func link(ancestor, least uint32) uint64 { return uint64(ancestor)<<32 | uint64(least) }

// eval is the least semidominator on the way from v up to the children of nodes
// not above last. The way back down is kept in the links themselves, turned
// round: a list of all objects of the heap would need a stack as long.
func (f *forest) eval(v, last uint32) uint32 {
	x, below := v, None
	l := f.links[x]
	for uint32(l>>32) > last {
		f.meter.Touch(1)
		f.links[x] = link(below, uint32(l))
		below, x = x, uint32(l>>32)
		l = f.links[x]
	}
	top, least := uint32(l>>32), uint32(l)
	for y := below; y != None; {
		f.meter.Touch(1)
		l := f.links[y]
		least = min(least, uint32(l))
		f.links[y] = link(top, least)
		y = uint32(l >> 32)
	}
	return least
}
