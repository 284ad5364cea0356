package calltree

import (
	"cmp"
	"container/heap"
	"slices"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// self is the part of a span's time in which no child ran that it waited for:
// its length less the union of those children, each clipped to it. Of a span
// that has not come nothing is known, so nothing is claimed.
func (b *builder) self(i int) int64 {
	n := &b.nodes[i]
	if n.span == nil {
		return 0
	}
	self, covered := n.end-n.start, n.start
	for _, c := range b.children(i) {
		child := &b.nodes[c]
		if !waitedFor(n, child) {
			continue
		}
		from, to := max(child.start, covered), min(child.end, n.end)
		if to > from {
			self -= to - from
			covered = to
		}
	}
	return self
}

// waitedFor reports whether the parent could not go on before the child ended.
// A message's consumer runs on its own, and so does what ended after its
// parent, except the server of a client's call: there the two clocks differ.
func waitedFor(parent, child *node) bool {
	if child.span.Kind == oteltrace.SpanKindConsumer && parent.span.Kind == oteltrace.SpanKindProducer {
		return false
	}
	call := parent.span.Kind == oteltrace.SpanKindClient && child.span.Kind == oteltrace.SpanKindServer
	return call || child.end <= parent.end
}

// place works out gap and lane of siblings, which are in the order of their
// start. parentStart is where the first gap is counted from.
func (b *builder) place(siblings []int, parentStart int64) []Row {
	rows := make([]Row, len(siblings))
	b.gaps(siblings, parentStart, rows)
	b.lanes(siblings, rows)
	return rows
}

// gaps sweeps over the siblings' starts and, beside, over their ends.
func (b *builder) gaps(siblings []int, parentStart int64, rows []Row) {
	type ending struct {
		at    int64
		order int // of the sibling that ends
	}
	ends := make([]ending, len(siblings))
	for k, i := range siblings {
		ends[k] = ending{b.nodes[i].end, k}
	}
	slices.SortFunc(ends, func(x, y ending) int {
		if x.at != y.at {
			return cmp.Compare(x.at, y.at)
		}
		return x.order - y.order
	})
	before := parentStart // the latest end that lies before the current start
	next := 0
	for k, i := range siblings {
		start := b.nodes[i].start
		for next < len(ends) && ends[next].at < start {
			before = max(before, ends[next].at)
			next++
		}
		// One that ends where this one starts leaves no gap, unless it is this
		// one itself or a later one, which are empty.
		touching := next < len(ends) && ends[next].at == start && ends[next].order < k
		if !touching {
			rows[k].Gap = max(0, start-before)
		}
	}
}

// lanes gives each of the siblings the lowest lane that is free when it
// starts: the greedy colouring of an interval graph, which needs as many lanes
// as ever run at once.
func (b *builder) lanes(siblings []int, rows []Row) {
	var busy, free laneHeap // by end; by number
	group := 0              // where the siblings that overlap one another begin
	for k, i := range siblings {
		n := &b.nodes[i]
		for len(busy) > 0 && busy[0].key <= n.start {
			done := heap.Pop(&busy).(lane)
			heap.Push(&free, lane{int64(done.number), done.number})
		}
		if len(busy) == 0 {
			setLanes(rows[group:k])
			group, free = k, free[:0]
		}
		number := len(busy) // when none is free, lanes 0 to len-1 are busy
		if len(free) > 0 {
			number = heap.Pop(&free).(lane).number
		}
		rows[k].Lane = number
		heap.Push(&busy, lane{n.end, number})
	}
	setLanes(rows[group:])
}

func setLanes(group []Row) {
	lanes := 0
	for i := range group {
		lanes = max(lanes, group[i].Lane+1)
	}
	for i := range group {
		group[i].Lanes = lanes
	}
}

// lane is a lane and what it is ordered by.
type lane struct {
	key    int64
	number int
}

type laneHeap []lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].key < h[j].key }
func (h laneHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *laneHeap) Push(x any)        { *h = append(*h, x.(lane)) }
func (h *laneHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
