package goproc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func snap(gs ...Goroutine) *Snapshot { return &Snapshot{Goroutines: gs} }

func carrying(id uint64, trace string, waiting time.Duration, ended bool) Goroutine {
	return Goroutine{ID: id, State: Waiting, Waiting: waiting, Trace: TraceContext{TraceID: trace, Ended: ended}}
}

// outline is what a test wants to know of requests.
func outline(rs []Request) (out []any) {
	for _, r := range rs {
		var ids []uint64
		for _, g := range r.Goroutines {
			ids = append(ids, g.ID)
		}
		out = append(out, r.ID, r.AtLeast, r.Ended, ids)
	}
	return out
}

func TestRequests(t *testing.T) {
	s := snap(
		carrying(1, "", 0, false),
		carrying(2, "a", 0, false),
		carrying(3, "b", time.Minute, false),
		carrying(4, "a", time.Second, true),
		carrying(5, "c", time.Hour, true),
		Goroutine{ID: 6, System: true},
		Goroutine{ID: 7, Labels: []Label{{"tenant", "x"}}},
	)
	rs, rest := s.Requests(TraceKey)
	want := []any{
		"b", time.Minute, false,
		[]uint64{3},
		"a", time.Second, false,
		[]uint64{2, 4},
		"c", time.Hour, true,
		[]uint64{5}, // has ended: last
	}
	if diff := cmp.Diff(want, outline(rs)); diff != "" {
		t.Errorf("by trace (-want +got):\n%s", diff)
	}
	if len(rest) != 2 || rest[0].ID != 1 || rest[1].ID != 7 {
		t.Errorf("rest = %v, want goroutines 1 and 7", rest)
	}
	rs, rest = s.Requests("tenant")
	if diff := cmp.Diff([]any{"x", time.Duration(0), false, []uint64{7}}, outline(rs)); diff != "" {
		t.Errorf("by tenant (-want +got):\n%s", diff)
	}
	if len(rest) != 5 {
		t.Errorf("%d without a tenant, want 5", len(rest))
	}
}

func TestSightings(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var seen Sightings
	age := func(after time.Duration, gs ...Goroutine) []any {
		rs, _ := snap(gs...).Requests(TraceKey)
		seen.Age(start.Add(after), rs)
		return outline(rs)
	}
	age(0, carrying(1, "a", 0, false))
	got := age(3*time.Second, carrying(1, "a", 0, false), carrying(2, "b", time.Second, false))
	want := []any{"a", 3 * time.Second, false, []uint64{1}, "b", time.Second, false, []uint64{2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after 3 s (-want +got):\n%s", diff)
	}
	age(4 * time.Second) // gone
	if diff := cmp.Diff([]any{"a", time.Duration(0), false, []uint64{1}}, age(5*time.Second, carrying(1, "a", 0, false))); diff != "" {
		t.Errorf("back after it was gone (-want +got):\n%s", diff)
	}
}

func TestPlaces(t *testing.T) {
	stack := []Frame{{Func: "main.f"}}
	gs := []*Goroutine{
		{ID: 1, State: Running, Start: Frame{Func: "main.g"}},
		{ID: 2, State: Waiting, WaitReason: "select", Stack: stack},
		{ID: 3, State: Waiting, WaitReason: "sleep", Stack: stack},
		{ID: 4, State: Waiting, WaitReason: "select", Stack: stack, Waiting: time.Minute},
	}
	ps := Places(gs)
	if len(ps) != 3 || len(ps[0].Goroutines) != 2 || ps[0].Goroutines[1].ID != 4 || ps[0].Waiting != time.Minute {
		t.Errorf("places = %+v, want goroutines 2 and 4 first, waiting a minute", ps)
	}
}

func TestUserFrame(t *testing.T) {
	p := Program{Modules: []string{"example.com/shop", "gopkg.in/yaml.v3"}}
	names := func(ns ...string) (fs []Frame) {
		for _, n := range ns {
			fs = append(fs, Frame{Func: n})
		}
		return fs
	}
	for _, c := range []struct {
		name  string
		stack []Frame
		want  string
	}{
		{"no stack", nil, "start"},
		{"own module", names("runtime.gopark", "net.(*conn).Read", "gopkg.in/yaml%2ev3.Read", "example.com/shop/cart.(*Cart).Load", "main.main"), "example.com/shop/cart.(*Cart).Load"},
		{"not a module of like name", names("runtime.gopark", "net.Dial", "example.com/shopping.f"), "net.Dial"},
		{"dependency", names("runtime.gopark", "net.(*conn).Read", "gopkg.in/yaml%2ev3.Read", "net/http.f"), "gopkg.in/yaml%2ev3.Read"},
		{"standard library", names("runtime.gopark", "internal/poll.(*FD).Read", "net.(*conn).Read", "net/http.(*conn).serve"), "net.(*conn).Read"},
		{"runtime only", names("runtime.gopark", "runtime.bgsweep"), "runtime.bgsweep"},
		{"type argument", names("runtime.gopark", "sync.f[example.com/shop.T]", "runtime.x"), "sync.f[example.com/shop.T]"},
		{"cgo", names("_cgoexp_1_back", "runtime.cgocallback"), "runtime.cgocallback"},
	} {
		g := &Goroutine{Stack: c.stack, Start: Frame{Func: "start"}}
		if got := p.UserFrame(g).Func; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
