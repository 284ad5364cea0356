package graph

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// graphCase is a random graph in which no edge leads to a root.
type graphCase struct {
	out   [][]uint32
	roots []uint32
	soft  [][2]uint32
}

func randomGraph(r *rand.Rand) graphCase {
	n := 1 + r.IntN(40)
	g := graphCase{out: make([][]uint32, n)}
	isRoot := make([]bool, n)
	for range 1 + r.IntN(3) {
		k := r.IntN(n)
		if !isRoot[k] {
			isRoot[k] = true
			g.roots = append(g.roots, uint32(k))
		}
	}
	for range r.IntN(4 * n) {
		u, v := r.IntN(n), uint32(r.IntN(n))
		if !isRoot[v] {
			g.out[u] = append(g.out[u], v)
		}
	}
	for range r.IntN(4) {
		g.soft = append(g.soft, [2]uint32{uint32(r.IntN(n)), uint32(r.IntN(n))})
	}
	return g
}

// reach is what the roots reach without passing node without.
func (g graphCase) reach(without int) []bool {
	seen := make([]bool, len(g.out))
	var stack []uint32
	visit := func(v uint32) {
		if int(v) != without && !seen[v] {
			seen[v] = true
			stack = append(stack, v)
		}
	}
	for _, r := range g.roots {
		visit(r)
	}
	for len(stack) > 0 {
		u := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, v := range g.out[u] {
			visit(v)
		}
	}
	return seen
}

func (g graphCase) tree(t *testing.T, s *Space) *Tree {
	t.Helper()
	limit := int64(0)
	for _, o := range g.out {
		limit += int64(len(o))
	}
	e, err := NewEdges(s, len(g.out), limit)
	if err != nil {
		t.Fatal(err)
	}
	writers := []*EdgeWriter{e.Writer(), e.Writer()}
	for u, o := range g.out {
		w := writers[u%2]
		w.Begin(uint32(u))
		for _, v := range o {
			w.Add(v)
		}
		if u%5 == 0 {
			w.Flush()
		}
	}
	for _, w := range writers {
		w.Flush()
	}
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	tree, err := Dominators(e, g.roots, slices.Clone(g.soft), func(float64) {})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestDominators checks retained sizes against what becomes unreachable when a
// node is taken away, which is their meaning.
func TestDominators(t *testing.T) {
	spaces := map[string]*Space{"memory": {}, "files": {files: true, dir: t.TempDir()}}
	for name, space := range spaces {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				g := randomGraph(r)
				tree := g.tree(t, space)
				got, err := tree.Retained(func(i uint32) uint64 { return uint64(i)*3 + 1 })
				if err != nil {
					t.Fatal(err)
				}
				checkRetained(t, g, tree, got)
				checkGroups(t, tree, got)
				checkPredecessors(t, g, tree)
				checkLive(t, g, tree)
				Free(space, &got)
				tree.Free()
				if len(space.tables) != 0 {
					t.Fatalf("%d tables are left", len(space.tables))
				}
				if t.Failed() {
					t.Fatalf("graph %v", g)
				}
			}
		})
	}
}

func checkRetained(t *testing.T, g graphCase, tree *Tree, got []uint64) {
	t.Helper()
	all := g.reach(-1)
	want := map[uint32]uint64{}
	for v := range g.out {
		if !all[v] {
			continue
		}
		rest := g.reach(v)
		for u := range rest {
			if all[u] && !rest[u] {
				want[uint32(v)] += uint64(u)*3 + 1
			}
		}
	}
	have := map[uint32]uint64{}
	for i := 1; i < len(got); i++ {
		have[tree.Order[i]] = got[i]
	}
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("retained sizes (-want +got):\n%s", d)
	}
}

// checkGroups sets the retained size of a group against a walk up the tree.
func checkGroups(t *testing.T, tree *Tree, ret []uint64) {
	t.Helper()
	group := func(i uint32) uint32 { return i % 3 }
	want := make([]uint64, 3)
next:
	for i := 1; i < len(ret); i++ {
		own := group(tree.Order[i])
		for d := tree.IDom[i]; d != 0; d = tree.IDom[d] {
			if group(tree.Order[d]) == own {
				continue next
			}
		}
		want[own] += ret[i]
	}
	got, err := tree.ByGroup(ret, 3, group)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("retained by group (-want +got):\n%s", d)
	}
}

// checkLive treats soft references as strong ones, which is what Live says.
func checkLive(t *testing.T, g graphCase, tree *Tree) {
	t.Helper()
	all := graphCase{out: slices.Clone(g.out), roots: g.roots}
	for _, s := range g.soft {
		all.out[s[0]] = append(slices.Clone(all.out[s[0]]), s[1])
	}
	for i, want := range all.reach(-1) {
		if got := tree.Live.Has(uint32(i)); got != want {
			t.Errorf("live(%d) = %v, want %v", i, got, want)
		}
	}
}

func checkPredecessors(t *testing.T, g graphCase, tree *Tree) {
	t.Helper()
	number := map[uint32]uint32{}
	for i := 1; i < len(tree.Order); i++ {
		number[tree.Order[i]] = uint32(i)
	}
	want := map[uint32][]uint32{}
	for u, o := range g.out {
		if number[uint32(u)] == 0 {
			continue
		}
		for _, v := range o {
			if int(v) != u && !slices.Contains(want[number[v]], number[uint32(u)]) {
				want[number[v]] = append(want[number[v]], number[uint32(u)])
			}
		}
	}
	for q := 1; q < len(tree.Order); q++ {
		got := slices.Clone(tree.Predecessors(uint32(q)))
		slices.Sort(got)
		got = slices.Compact(got)
		w := want[uint32(q)]
		slices.Sort(w)
		if !slices.Equal(got, w) {
			t.Errorf("predecessors of %d: got %v, want %v", q, got, w)
		}
	}
}

func TestIDs(t *testing.T) {
	tests := map[string][]uint64{
		"dense":      {8, 16, 24, 3584, 3592, 1 << 20},
		"far apart":  {8, 1 << 30, 1 << 46, 1<<46 + 8, 1 << 62},
		"one":        {0xfc000000},
		"page edges": {0, 7*64*8 - 8, 7 * 64 * 8, 7*64*8*1024 - 8, 7 * 64 * 8 * 1024, 7 * 64 * 8 * 1024 * 3},
	}
	for name, ids := range tests {
		t.Run(name, func(t *testing.T) {
			c := NewCollector(1 << 20)
			a := c.Adder()
			for _, id := range ids {
				a.Add(id)
			}
			a.Add(ids[0])
			if c.Unfit() || c.Duplicates() != 1 {
				t.Fatalf("unfit %v, duplicates %d", c.Unfit(), c.Duplicates())
			}
			s, err := c.IDs()
			if err != nil {
				t.Fatal(err)
			}
			checkIDs(t, s, ids)
			sorted, dups, err := Sorted(append(slices.Clone(ids), ids[0]), (&Space{}).Meter())
			if err != nil || dups != 1 {
				t.Fatalf("sorted: %d duplicates, %v", dups, err)
			}
			checkIDs(t, sorted, ids)
		})
	}
}

func checkIDs(t *testing.T, s *IDs, ids []uint64) {
	t.Helper()
	if s.Len() != len(ids) {
		t.Fatalf("got %d ids, want %d", s.Len(), len(ids))
	}
	for i, id := range ids {
		if got := s.Index(id); got != uint32(i) {
			t.Errorf("Index(%#x) = %d, want %d", id, got, i)
		}
		if got := s.ID(uint32(i)); got != id {
			t.Errorf("ID(%d) = %#x, want %#x", i, got, id)
		}
		for _, other := range []uint64{id + 8, id + 4, id ^ 1<<40} {
			if !slices.Contains(ids, other) && s.Index(other) != None {
				t.Errorf("Index(%#x) is not None", other)
			}
		}
	}
	var all []uint64
	s.All(func(i uint32, id uint64) {
		if int(i) != len(all) {
			t.Errorf("All gives number %d in place %d", i, len(all))
		}
		all = append(all, id)
	})
	if d := cmp.Diff(ids, all); d != "" {
		t.Errorf("All (-want +got):\n%s", d)
	}
}

func TestCollectorUnfit(t *testing.T) {
	c := NewCollector(1 << 10)
	a := c.Adder()
	a.Add(12)
	if !c.Unfit() {
		t.Error("an id that is no multiple of 8 is taken for an address")
	}
	c = NewCollector(1 << 10)
	a = c.Adder()
	for i := range uint64(100) {
		a.Add(i << 30)
	}
	if !c.Unfit() || len(c.pages) > 16 {
		t.Errorf("scattered ids take %d pages, unfit %v", len(c.pages), c.Unfit())
	}
}

// TestMeter fills a table far beyond the limit and expects its pages to have
// left memory again, while those who touch nothing are left alone.
func TestMeter(t *testing.T) {
	if !canTrim {
		t.Skip("a memory limit is kept on Linux only")
	}
	const size = 128 << 20
	s := NewSpace(1, t.TempDir(), nil) // the process itself is larger
	defer s.Close()
	s.Expect(size)
	table, err := Alloc[uint32](s, size/4)
	if err != nil {
		t.Fatal(err)
	}
	defer Free(s, &table)
	fill := func(touch func(int)) int64 {
		for i := 0; i < len(table); i += 1024 {
			table[i] = uint32(i)
			touch(1)
		}
		return resident(s.pages)
	}
	if full := fill(func(int) {}); full < size {
		t.Errorf("%d bytes are resident without a meter, want the table's %d", full, size)
	}
	if kept := fill(s.Meter().Touch); kept > size/4*3 {
		t.Errorf("%d bytes are resident with a meter", kept)
	}
	for i := 0; i < len(table); i += 1024 {
		if table[i] != uint32(i) {
			t.Fatalf("element %d is %d", i, table[i])
		}
	}
}

// TestSpaceLimit sees that tables go into files when they do not fit, and that
// nothing stays in the directory.
func TestSpaceLimit(t *testing.T) {
	if !canTrim {
		t.Skip("a memory limit is kept on Linux only")
	}
	dir := t.TempDir()
	s := NewSpace(1<<20, dir, nil)
	defer s.Close()
	s.Expect(1 << 30)
	if !s.files {
		t.Fatal("tables of 1 GiB lie in memory in spite of a limit of 1 MiB")
	}
	table, err := Alloc[uint32](s, 8<<20)
	if err != nil {
		t.Fatal(err)
	}
	for i := range table {
		table[i] = uint32(i)
	}
	s.dropPages(0)
	for i, v := range table {
		if v != uint32(i) {
			t.Fatalf("element %d is %d after its page was dropped", i, v)
		}
	}
	Free(s, &table)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
	nowhere := &Space{files: true, dir: dir + "/nowhere"}
	if _, err := Alloc[uint32](nowhere, 10); err == nil {
		t.Error("a scratch directory that does not exist is no error")
	}
}
