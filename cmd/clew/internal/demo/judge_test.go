package demo

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/internal/store"
)

// spanOf makes a span: id and parent are one byte each, parent 0 for a root.
func spanOf(service, name string, id, parent byte) store.Span {
	return store.Span{
		SpanID: oteltrace.SpanID{id}, ParentID: oteltrace.SpanID{parent},
		Service: service, Name: name, Start: int64(id), End: 100, Resource: &store.Resource{},
	}
}

// entryOf makes the gateway's span of a payment.
func entryOf(payment string) store.Span {
	s := spanOf(shop.Gateway, "in", 1, 0)
	s.Attrs = []store.Attr{{Key: shop.PaymentKey, Value: payment}}
	return s
}

// smallHops is a shop of three hops: in, then a and b.
var smallHops = []shop.Hop{
	{Service: shop.Gateway, Name: "in"},
	{Service: "back", Name: "a", Under: "in"},
	{Service: "back", Name: "b", Under: "a"},
}

// whole is a payment that took every hop; between in and a lies a span that is no hop.
func whole(payment string) []store.Span {
	return []store.Span{
		spanOf("back", "b", 4, 3),
		spanOf("back", "a", 3, 2),
		spanOf(shop.Gateway, "POST", 2, 1),
		entryOf(payment),
	}
}

func TestJudge(t *testing.T) {
	without := func(spans []store.Span, name string) []store.Span {
		var left []store.Span
		for _, s := range spans {
			if s.Name != name {
				left = append(left, s)
			}
		}
		return left
	}
	for _, tt := range []struct {
		name     string
		sent     []Sent
		traces   [][]store.Span
		complete int
		orphans  int
		fault    string
	}{
		{"whole", []Sent{{ID: "p1"}}, [][]store.Span{whole("p1")}, 1, 0, ""},
		{"two payments", []Sent{{ID: "p1"}, {ID: "p2"}}, [][]store.Span{whole("p1"), whole("p2")}, 2, 0, ""},
		{"nothing came", []Sent{{ID: "p1"}}, nil, 0, 0, "payment p1: no entry span has come"},
		{"last hop missing", []Sent{{ID: "p1"}}, [][]store.Span{without(whole("p1"), "b")}, 0, 0, `back "b" 0 times`},
		{
			"link in the middle missing",
			[]Sent{{ID: "p1"}},
			[][]store.Span{without(whole("p1"), "POST")},
			0, 2, "2 spans out of reach",
		},
		{
			"entry missing",
			[]Sent{{ID: "p1"}},
			[][]store.Span{without(whole("p1"), "in")},
			0, 3, "no entry span",
		},
		{
			"a hop in a trace of its own",
			[]Sent{{ID: "p1"}},
			[][]store.Span{without(whole("p1"), "b"), {spanOf("back", "b", 9, 0)}},
			0, 1, `back "b" 0 times`,
		},
		{
			"a hop as a second root",
			[]Sent{{ID: "p1"}},
			[][]store.Span{append(without(whole("p1"), "b"), spanOf("back", "b", 9, 0))},
			0, 1, "2 roots",
		},
		{
			"a hop twice",
			[]Sent{{ID: "p1"}},
			[][]store.Span{append(whole("p1"), spanOf("back", "b", 9, 3))},
			0, 0, `back "b" 2 times`,
		},
		{
			"a hop under the wrong one",
			[]Sent{{ID: "p1"}},
			[][]store.Span{append(without(whole("p1"), "b"), spanOf("back", "b", 9, 1))},
			0, 0, `back "b" under "in", not "a"`,
		},
		{
			"the hop of another service",
			[]Sent{{ID: "p1"}},
			[][]store.Span{append(without(whole("p1"), "b"), spanOf("front", "b", 9, 3))},
			0, 0, `back "b" 0 times`,
		},
		{
			"more than the hops, but connected",
			[]Sent{{ID: "p1"}},
			[][]store.Span{append(whole("p1"), spanOf("back", "INCR", 9, 3))},
			1, 0, "",
		},
		{
			"parents in a circle",
			[]Sent{{ID: "p1"}},
			[][]store.Span{append(whole("p1"), spanOf("back", "x", 8, 9), spanOf("back", "y", 9, 8))},
			0, 2, "2 spans out of reach",
		},
		{
			"two traces for one payment",
			[]Sent{{ID: "p1"}},
			[][]store.Span{whole("p1"), whole("p1")},
			0, 0, "2 traces have an entry span",
		},
		{
			"a payment that nobody sent",
			[]Sent{{ID: "p1"}},
			[][]store.Span{whole("p1"), whole("p2")},
			1, 4, "",
		},
		{
			"not answered",
			[]Sent{{ID: "p1", Err: errors.New("502 Bad Gateway")}},
			[][]store.Span{whole("p1")},
			0, 0, "not answered: 502 Bad Gateway",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			traces := map[oteltrace.TraceID][]store.Span{}
			spans := 0
			for i, s := range tt.traces {
				traces[oteltrace.TraceID{byte(i + 1)}] = s
				spans += len(s)
			}
			v := Judge(tt.sent, traces, smallHops)
			if v.Requests != len(tt.sent) || v.Traces != len(tt.traces) || v.Spans != spans {
				t.Errorf("%d requests, %d traces, %d spans; want %d, %d, %d",
					v.Requests, v.Traces, v.Spans, len(tt.sent), len(tt.traces), spans)
			}
			if v.Complete != tt.complete || v.Orphans != tt.orphans {
				t.Errorf("%d complete, %d orphans; want %d, %d; faults %q", v.Complete, v.Orphans, tt.complete, tt.orphans, v.Faults)
			}
			if got := strings.Join(v.Faults, "\n"); !strings.Contains(got, tt.fault) || (tt.fault == "") != (got == "") {
				t.Errorf("faults %q, want one with %q", v.Faults, tt.fault)
			}
		})
	}
}

// The counts tell where the spans of a hop lie, in a payment's tree or torn off.
func TestJudgeCounts(t *testing.T) {
	traces := map[oteltrace.TraceID][]store.Span{
		{1}: whole("p1"),
		{2}: {spanOf("back", "b", 1, 0), spanOf("back", "POST", 2, 1)},
		{3}: {spanOf("back", "b", 1, 0)},
		{4}: {spanOf("back", "POST", 1, 0)},
		{5}: {spanOf("back", "a", 1, 0)},
	}
	v := Judge([]Sent{{ID: "p1"}}, traces, smallHops)
	wantHops := []HopCount{{shop.Gateway, "in", 1}, {"back", "a", 2}, {"back", "b", 3}}
	if diff := cmp.Diff(wantHops, v.Hops); diff != "" {
		t.Errorf("hops (-want +got):\n%s", diff)
	}
	wantTorn := []HopCount{{"back", "a", 1}, {"back", "b", 2}, {"back", "POST", 1}}
	if diff := cmp.Diff(wantTorn, v.Torn); diff != "" {
		t.Errorf("torn off (-want +got):\n%s", diff)
	}
	if v.Orphans != 5 {
		t.Errorf("%d orphans, want 5", v.Orphans)
	}
	if v.Entries["p1"] != (oteltrace.TraceID{1}) {
		t.Errorf("payment p1 is in trace %v", v.Entries["p1"])
	}
}

// Only the first faults are told; all are counted.
func TestJudgeBoundsFaults(t *testing.T) {
	var sent []Sent
	for _, id := range "abcdefghij" {
		sent = append(sent, Sent{ID: string(id)})
	}
	v := Judge(sent, nil, smallHops)
	if len(v.Faults) != maxFaults || v.Complete != 0 || v.Requests != 10 {
		t.Errorf("%d faults, %d of %d complete", len(v.Faults), v.Complete, v.Requests)
	}
}

// The page about the demo explains every way in which a payment leaves its goroutine.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/demo.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range shop.Hops() {
		door := strings.HasPrefix(h.Name, "POST ")
		if !door && !strings.Contains(string(page), "| `"+h.Name+"` |") {
			t.Errorf("docs/demo.md does not tell of the hop %q", h.Name)
		}
	}
}

// Every hop of the real shop hangs under a hop before it, and no two are the same.
func TestHops(t *testing.T) {
	names, seen := map[string]bool{"": true}, map[hopKey]bool{}
	for _, h := range shop.Hops() {
		if !names[h.Under] {
			t.Errorf("%s is under %q, which is no hop before it", h.Name, h.Under)
		}
		if k := (hopKey{h.Service, h.Name}); seen[k] {
			t.Errorf("%v is there twice", k)
		} else {
			seen[k] = true
		}
		names[h.Name] = true
	}
}
