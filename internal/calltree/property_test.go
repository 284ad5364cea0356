package calltree

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

// anyTrace draws spans with few ids, so that shared parents, missing ones,
// circles and self-parents are common, and with short times, so that ties are.
func anyTrace(t *rapid.T) []store.Span {
	n := rapid.IntRange(0, 14).Draw(t, "spans")
	seen := map[[2]uint64]bool{}
	var spans []store.Span
	for range n {
		s := span("s",
			rapid.Uint64Range(1, 12).Draw(t, "id"), rapid.Uint64Range(0, 14).Draw(t, "parent"),
			rapid.Int64Range(0, 20).Draw(t, "start"), rapid.Int64Range(0, 20).Draw(t, "end"))
		s.Kind = oteltrace.SpanKind(rapid.IntRange(0, 5).Draw(t, "kind"))
		if key := [2]uint64{uint64(s.SpanID[7]), uint64(s.Kind)}; !seen[key] { // the store keeps such only once
			seen[key] = true
			spans = append(spans, s)
		}
	}
	return spans
}

func TestBuildProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spans := anyTrace(t)
		tree := Build(spans)
		if len(tree.Rows) != len(spans)+tree.Lost {
			t.Fatalf("%d rows of %d spans and %d lost ones", len(tree.Rows), len(spans), tree.Lost)
		}
		shown := map[*store.Span]bool{}
		children := make([]int, len(tree.Rows))
		for i := range tree.Rows {
			r := &tree.Rows[i]
			if r.Span != nil && shown[r.Span] {
				t.Fatalf("row %d: its span is shown twice", i)
			}
			shown[r.Span] = true
			checkPlace(t, tree, i)
			checkTimes(t, tree, i)
			if r.Parent >= 0 {
				children[r.Parent]++
			}
		}
		for i, n := range children {
			if tree.Rows[i].Children != n {
				t.Errorf("row %d says %d children, has %d", i, tree.Rows[i].Children, n)
			}
		}
		shuffled := rapid.Permutation(spans).Draw(t, "shuffled")
		if diff := cmp.Diff(draw(tree), draw(Build(shuffled))); diff != "" {
			t.Errorf("the order spans came in shows:\n%s", diff)
		}
	})
}

// checkPlace checks that row i stands in the subtree of its parent.
func checkPlace(t *rapid.T, tree *Tree, i int) {
	r := &tree.Rows[i]
	if r.Parent < 0 {
		if r.Depth != 0 {
			t.Errorf("row %d: a root at depth %d", i, r.Depth)
		}
		return
	}
	if r.Parent >= i || r.Depth != tree.Rows[r.Parent].Depth+1 {
		t.Fatalf("row %d at depth %d under row %d", i, r.Depth, r.Parent)
	}
	for k := r.Parent + 1; k < i; k++ {
		if tree.Rows[k].Depth < r.Depth {
			t.Errorf("row %d: its parent %d's subtree ended at row %d", i, r.Parent, k)
		}
	}
}

// checkTimes compares row i's columns with what their definitions say, counted
// out one tick at a time.
func checkTimes(t *rapid.T, tree *Tree, i int) {
	r := &tree.Rows[i]
	end := r.Start + r.Exec
	from := int64(0)
	if r.Parent >= 0 {
		from = tree.Rows[r.Parent].Start
	}
	for k := range tree.Rows {
		s := &tree.Rows[k]
		if s.Parent != r.Parent || k == i {
			continue
		}
		sEnd := s.Start + s.Exec
		if k < i && s.Start > r.Start {
			t.Errorf("rows %d and %d: siblings not in the order of their start", k, i)
		}
		if sEnd <= r.Start && k < i {
			from = max(from, sEnd)
		}
		if s.Lane == r.Lane && s.Start < end && r.Start < sEnd {
			t.Errorf("rows %d and %d run at once in lane %d", k, i, r.Lane)
		}
	}
	if want := max(0, r.Start-from); r.Gap != want {
		t.Errorf("row %d: gap %d, want %d\n%s", i, r.Gap, want, draw(tree))
	}
	if r.Lane < 0 || r.Lane >= r.Lanes {
		t.Errorf("row %d: lane %d of %d", i, r.Lane, r.Lanes)
	}
	var self int64
	for tick := r.Start; tick < end; tick++ {
		busy := false
		for k := range tree.Rows {
			c := &tree.Rows[k]
			if c.Parent == i && c.Start <= tick && tick < c.Start+c.Exec && r.Span != nil && waits(r, c) {
				busy = true
			}
		}
		if !busy && r.Span != nil {
			self++
		}
	}
	if r.Self != self {
		t.Errorf("row %d: self %d, want %d\n%s", i, r.Self, self, draw(tree))
	}
}

func waits(parent, child *Row) bool {
	p, c := parent.Span.Kind, child.Span.Kind
	switch {
	case p == oteltrace.SpanKindProducer && c == oteltrace.SpanKindConsumer:
		return false
	case p == oteltrace.SpanKindClient && c == oteltrace.SpanKindServer:
		return true
	}
	return child.Start+child.Exec <= parent.Start+parent.Exec
}
