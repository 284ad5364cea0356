// Package calltree puts the spans of one trace in the order of a call tree and
// works out, for every row, when it began, what gap lay before it, how long it
// took and how much of that was its own.
//
// Nothing a trace says can make it fail, loop or recurse: a parent that has
// not come gets a row of its own, a circle of parents is cut, and times that
// cannot be are bent straight; each is marked on its row.
package calltree

import (
	"cmp"
	"slices"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

// Tree is a trace as a call tree. Times are nanoseconds.
type Tree struct {
	// Rows are in the order they are shown: each span right after its parent's
	// earlier subtrees, siblings by their start.
	Rows []Row
	// Start is when the earliest span began (since 1970 UTC), and Work how long
	// it was from then to the end of the last one.
	Start, Work int64
	Lost        int // rows that stand for a span that has not come
	Cycles      int // parentages cut because they went in a circle
}

// Row is one span's line in a [Tree]. Times are nanoseconds, none negative.
type Row struct {
	// Span is what the row shows; nil for the parent of other spans that has
	// not come itself. Then ID is all that is known of it, and Start and Exec
	// are what its children span together.
	Span     *store.Span
	ID       oteltrace.SpanID
	Parent   int // index of the parent's row, -1 for none
	Depth    int
	Children int // direct ones

	Start int64 // since the tree's start
	// Gap is the time between the latest end of an earlier sibling that was
	// over by then, or else the parent's start, and this start.
	Gap  int64
	Exec int64
	// Self is the part of Exec in which no child was running that the span
	// waited for.
	Self int64
	// Lane numbers siblings that ran at the same time, from 0; Lanes is how
	// many lanes their group needed. A span that ran alone has 0 and 1.
	Lane, Lanes int
	Marks       Marks
}

// Marks say what is peculiar about a [Row].
type Marks uint8

// The marks.
const (
	// Async: began after its parent had ended.
	Async Marks = 1 << iota
	// Outlives: ended after its parent, which so did not wait for it.
	Outlives
	// Early: began before its parent; their clocks differ.
	Early
	// Clock: ended before it began, or had no start.
	Clock
	// CycleCut: its parentage went in a circle and was cut here.
	CycleCut
)

// Has reports whether m holds any of the marks in o.
func (m Marks) Has(o Marks) bool { return m&o != 0 }

// node is a span on its way into the tree. A node without a span stands for
// a parent that has not come.
type node struct {
	span       *store.Span
	id         oteltrace.SpanID
	start, end int64
	parent     int // index of a node, -1 for none
	marks      Marks
}

// Build makes the tree of spans, which must all be of one trace. The rows point
// into spans. The order of spans does not matter; spans of the same id must
// differ in kind, and the server of such a pair is put under its client.
func Build(spans []store.Span) *Tree {
	b := builder{nodes: make([]node, len(spans), len(spans)+1)}
	for i := range spans {
		b.nodes[i] = node{span: &spans[i], id: spans[i].SpanID, parent: -1}
	}
	b.setTimes()
	b.findParents()
	t := &Tree{Cycles: b.cutCycles(), Lost: len(b.nodes) - len(spans)}
	b.sortChildren()
	b.emit(t)
	return t
}

type builder struct {
	nodes []node
	// order holds the nodes' indices grouped by parent and within a group by
	// start; group i+1 of first is where the children of node i begin, group 0
	// is the roots.
	order []int
	first []int
}

// setTimes takes each span's times, bent so that none is negative and the end
// is not before the start. A span that has no start is put at its end, one
// that has neither at the start of the trace.
func (b *builder) setTimes() {
	var begin int64
	for i := range b.nodes {
		n := &b.nodes[i]
		n.start, n.end = max(n.span.Start, 0), max(n.span.End, 0)
		if n.start == 0 {
			n.start, n.marks = n.end, n.marks|Clock
		}
		if n.end < n.start {
			n.end, n.marks = n.start, n.marks|Clock
		}
		if n.start > 0 && (begin == 0 || n.start < begin) {
			begin = n.start
		}
	}
	for i := range b.nodes {
		if n := &b.nodes[i]; n.start == 0 {
			n.start, n.end = begin, begin
		}
	}
}

// findParents resolves parent ids, making a node for each that is not there.
func (b *builder) findParents() {
	byID := make(map[oteltrace.SpanID]int, len(b.nodes)) // whom children mean by an id
	client := map[oteltrace.SpanID]int{}
	for i := range b.nodes {
		n := &b.nodes[i]
		if n.span.Kind == oteltrace.SpanKindClient {
			client[n.id] = i
		}
		if other, shared := byID[n.id]; !shared || meant(n.span.Kind, b.nodes[other].span.Kind) {
			byID[n.id] = i
		}
	}
	for i, come := 0, len(b.nodes); i < come; i++ {
		n := &b.nodes[i]
		if c, ok := client[n.id]; ok && n.span.Kind == oteltrace.SpanKindServer {
			n.parent = c
			continue
		}
		id := n.span.ParentID
		if !id.IsValid() {
			continue
		}
		p, ok := byID[id]
		if !ok {
			p = len(b.nodes)
			byID[id] = p
			b.nodes = append(b.nodes, node{id: id, start: b.nodes[i].start, end: b.nodes[i].end, parent: -1})
		}
		b.nodes[i].parent = p
		if lost := &b.nodes[p]; lost.span == nil {
			lost.start, lost.end = min(lost.start, b.nodes[i].start), max(lost.end, b.nodes[i].end)
		}
	}
}

// meant reports whether children naming an id that spans of both kinds have
// mean the one of kind a. A call's client and server may have one id, as Zipkin
// has it: what they name then is the server. Between others only the same
// choice every time matters.
func meant(a, b oteltrace.SpanKind) bool {
	if b == oteltrace.SpanKindServer {
		return false
	}
	return a == oteltrace.SpanKindServer || a < b
}

// cutCycles makes a root of the earliest span in every circle of parents and
// answers how many there were.
func (b *builder) cutCycles() (cut int) {
	const (
		unseen = iota
		onPath
		done
	)
	state := make([]uint8, len(b.nodes))
	var path []int
	for i := range b.nodes {
		path = path[:0]
		j := i
		for ; j >= 0 && state[j] == unseen; j = b.nodes[j].parent {
			state[j] = onPath
			path = append(path, j)
		}
		if j >= 0 && state[j] == onPath { // from j the path leads back to j
			earliest := j
			for k := b.nodes[j].parent; k != j; k = b.nodes[k].parent {
				if b.compare(k, earliest) < 0 {
					earliest = k
				}
			}
			b.nodes[earliest].parent = -1
			b.nodes[earliest].marks |= CycleCut
			cut++
		}
		for _, k := range path {
			state[k] = done
		}
	}
	return cut
}

// compare orders siblings: by start, then by what does not depend on the order
// the spans came in.
func (b *builder) compare(i, j int) int {
	x, y := &b.nodes[i], &b.nodes[j]
	return cmp.Or(
		cmp.Compare(x.start, y.start),
		cmp.Compare(x.end, y.end),
		bytesCompare(x.id, y.id),
		cmp.Compare(kindOf(x), kindOf(y)),
	)
}

func bytesCompare(x, y oteltrace.SpanID) int { return slices.Compare(x[:], y[:]) }

func kindOf(n *node) oteltrace.SpanKind {
	if n.span == nil {
		return -1
	}
	return n.span.Kind
}

func (b *builder) sortChildren() {
	b.order = make([]int, len(b.nodes))
	b.first = make([]int, len(b.nodes)+2)
	for i := range b.nodes {
		b.order[i] = i
		b.first[b.nodes[i].parent+2]++
	}
	for i := 1; i < len(b.first); i++ {
		b.first[i] += b.first[i-1]
	}
	slices.SortFunc(b.order, func(i, j int) int {
		return cmp.Or(cmp.Compare(b.nodes[i].parent, b.nodes[j].parent), b.compare(i, j))
	})
}

// children answers the children of node i in order, or the roots for -1.
func (b *builder) children(i int) []int { return b.order[b.first[i+1]:b.first[i+2]] }

// emit writes the rows, from the roots down, without recursion.
func (b *builder) emit(t *Tree) {
	if len(b.nodes) == 0 {
		return
	}
	roots := b.children(-1)
	t.Start = b.nodes[roots[0]].start
	end := t.Start
	for i := range b.nodes {
		t.Start = min(t.Start, b.nodes[i].start)
		end = max(end, b.nodes[i].end)
	}
	t.Work = end - t.Start
	t.Rows = make([]Row, 0, len(b.nodes))

	type pending struct {
		Row
		node int
	}
	var stack []pending
	push := func(siblings []int, parent, depth int, parentStart int64) {
		placed := b.place(siblings, parentStart)
		for k, row := range slices.Backward(placed) {
			row.Parent, row.Depth = parent, depth
			stack = append(stack, pending{row, siblings[k]})
		}
	}
	push(roots, -1, 0, t.Start)
	for len(stack) > 0 {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n := &b.nodes[p.node]
		children := b.children(p.node)
		p.Span, p.ID, p.Marks = n.span, n.id, n.marks|b.parentMarks(n)
		p.Start, p.Exec = n.start-t.Start, n.end-n.start
		p.Self = b.self(p.node)
		p.Children = len(children)
		t.Rows = append(t.Rows, p.Row)
		push(children, len(t.Rows)-1, p.Depth+1, n.start)
	}
}

// parentMarks says how a span's times lie to its parent's.
func (b *builder) parentMarks(n *node) (m Marks) {
	if n.parent < 0 || b.nodes[n.parent].span == nil {
		return 0
	}
	p := &b.nodes[n.parent]
	switch {
	case n.start > p.end:
		m |= Async
	case n.end > p.end:
		m |= Outlives
	}
	if n.start < p.start {
		m |= Early
	}
	return m
}
