package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/internal/store"
)

// maxFaults bounds how many faults a verdict tells in words.
const maxFaults = 5

// Verdict is what became of the payments of one run.
type Verdict struct {
	Requests int `json:"requests"`
	// Complete counts the payments that are one whole trace: one root, every hop exactly once and under
	// the hop it belongs to, every parent there, and the payment answered.
	Complete int `json:"complete_traces"`
	// Orphans counts the spans that cannot be reached from the entry span of their payment's trace.
	Orphans int `json:"orphan_spans"`
	Spans   int `json:"spans"`
	Traces  int `json:"traces"`
	// Hops counts the spans of each hop, wherever they lie.
	Hops []HopCount `json:"hops"`
	// Torn counts the roots of the traces that hold no entry span: what begins a trace of its own although
	// it belongs to a payment.
	Torn []HopCount `json:"torn_off,omitempty"`
	// Faults tells of the first payments that are not complete.
	Faults []string `json:"faults,omitempty"`
	// Entries leads from a payment to its trace.
	Entries map[string]oteltrace.TraceID `json:"-"`
}

// HopCount is how often a hop was seen.
type HopCount struct {
	Service string `json:"service"`
	Name    string `json:"name"`
	Count   int    `json:"count"`
}

// Sent is a payment that was sent to the shop.
type Sent struct {
	ID  string
	Err error // nil when it was answered as it should be
}

// Judge compares the spans of a run, by trace, with the payments sent and the hops each must take.
func Judge(sent []Sent, traces map[oteltrace.TraceID][]store.Span, hops []shop.Hop) Verdict {
	v := Verdict{Requests: len(sent), Traces: len(traces), Entries: map[string]oteltrace.TraceID{}}
	count := map[hopKey]int{}
	torn := map[hopKey]int{}
	found := map[string][]*tree{} // by payment
	for id, spans := range traces {
		t := newTree(id, spans)
		v.Spans += len(spans)
		for i := range spans {
			count[keyOf(&spans[i])]++
		}
		v.Orphans += len(spans) - len(t.order)
		if t.payment != "" {
			found[t.payment] = append(found[t.payment], t)
			continue
		}
		for i := range spans {
			if !spans[i].ParentID.IsValid() {
				torn[keyOf(&spans[i])]++
			}
		}
	}
	for _, h := range hops {
		v.Hops = append(v.Hops, HopCount{h.Service, h.Name, count[hopKey{h.Service, h.Name}]})
	}
	v.Torn = inOrder(torn, hops)
	known := map[string]bool{}
	for _, s := range sent {
		known[s.ID] = true
		if trees := found[s.ID]; len(trees) > 0 {
			v.Entries[s.ID] = trees[0].id
		}
		fault := faultOf(s, found[s.ID], hops)
		if fault == "" {
			v.Complete++
		} else if len(v.Faults) < maxFaults {
			v.Faults = append(v.Faults, fmt.Sprintf("payment %s: %s", s.ID, fault))
		}
	}
	for id, trees := range found {
		if !known[id] { // a trace of nobody's payment: all its spans are out of place
			for _, t := range trees {
				v.Orphans += len(t.order)
			}
		}
	}
	return v
}

// inOrder lists counts in the order of the hops; what is no hop comes last.
func inOrder(counts map[hopKey]int, hops []shop.Hop) []HopCount {
	place := map[hopKey]int{}
	for i, h := range hops {
		place[hopKey{h.Service, h.Name}] = i - len(hops)
	}
	var list []HopCount
	for k, n := range counts {
		list = append(list, HopCount{k.service, k.name, n})
	}
	slices.SortFunc(list, func(a, b HopCount) int {
		return cmp.Or(
			cmp.Compare(place[hopKey{a.Service, a.Name}], place[hopKey{b.Service, b.Name}]),
			cmp.Compare(a.Service, b.Service),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return list
}

// faultOf says what keeps a payment from being one whole trace; empty when nothing does.
func faultOf(s Sent, trees []*tree, hops []shop.Hop) string {
	switch {
	case s.Err != nil:
		return "not answered: " + s.Err.Error()
	case len(trees) == 0:
		return "no entry span has come"
	case len(trees) > 1:
		return fmt.Sprintf("%d traces have an entry span for it", len(trees))
	}
	return trees[0].fault(hops)
}

// hopKey tells spans apart by where they happen and how they are called.
type hopKey struct{ service, name string }

func keyOf(s *store.Span) hopKey { return hopKey{s.Service, s.Name} }

// tree is what hangs below the entry span of a payment in one trace.
type tree struct {
	id       oteltrace.TraceID
	spans    []store.Span
	payment  string // empty when the trace has no entry span
	roots    int
	children map[oteltrace.SpanID][]int
	parent   map[int]int // index of a reached span to that of its parent
	order    []int       // the spans reached, parents before children; the entry first
}

func newTree(id oteltrace.TraceID, spans []store.Span) *tree {
	t := &tree{id: id, spans: spans, children: map[oteltrace.SpanID][]int{}, parent: map[int]int{}}
	entry := -1
	for i := range spans {
		s := &spans[i]
		if s.ParentID.IsValid() {
			t.children[s.ParentID] = append(t.children[s.ParentID], i)
			continue
		}
		t.roots++
		if p := attr(s.Attrs, shop.PaymentKey); p != "" && s.Service == shop.Gateway && entry < 0 {
			entry, t.payment = i, p
		}
	}
	if entry < 0 {
		return t
	}
	for _, siblings := range t.children {
		slices.SortFunc(siblings, func(a, b int) int { return int(spans[a].Start - spans[b].Start) })
	}
	reached := map[int]bool{entry: true}
	t.order = append(t.order, entry)
	for next := 0; next < len(t.order); next++ {
		for _, child := range t.children[spans[t.order[next]].SpanID] {
			if !reached[child] { // two spans may share an id, a circle has no entry
				reached[child] = true
				t.parent[child] = t.order[next]
				t.order = append(t.order, child)
			}
		}
	}
	return t
}

// fault says in words what is wrong with the tree of an answered payment.
func (t *tree) fault(hops []shop.Hop) string {
	var faults []string
	if t.roots != 1 {
		faults = append(faults, fmt.Sprintf("%d roots", t.roots))
	}
	if n := len(t.spans) - len(t.order); n > 0 {
		faults = append(faults, fmt.Sprintf("%d spans out of reach of the entry", n))
	}
	wanted := map[hopKey]bool{}
	for _, h := range hops {
		wanted[hopKey{h.Service, h.Name}] = true
	}
	at := map[hopKey][]int{}
	for _, i := range t.order {
		k := keyOf(&t.spans[i])
		at[k] = append(at[k], i)
	}
	for _, h := range hops {
		got := at[hopKey{h.Service, h.Name}]
		if len(got) != 1 {
			faults = append(faults, fmt.Sprintf("%s %q %d times", h.Service, h.Name, len(got)))
		} else if above := t.hopAbove(got[0], wanted); above != h.Under {
			faults = append(faults, fmt.Sprintf("%s %q under %q, not %q", h.Service, h.Name, above, h.Under))
		}
	}
	return strings.Join(faults, "; ")
}

// hopAbove is the name of the nearest hop above the reached span i, empty when there is none.
func (t *tree) hopAbove(i int, hops map[hopKey]bool) string {
	for {
		up, ok := t.parent[i]
		if !ok {
			return ""
		}
		if hops[keyOf(&t.spans[up])] {
			return t.spans[up].Name
		}
		i = up
	}
}
