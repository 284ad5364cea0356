//go:build !propagate_noambient

package propagate

import (
	"context"
	"errors"
	"net"
	"runtime/pprof"
	"testing"
)

func TestEnterLeave(t *testing.T) {
	needAmbient(t)
	a, b := newRef(), newRef()
	want(t, "before", Current(), Ref{})
	sa := a.Enter()
	want(t, "in a", Current(), a)
	sb := b.Enter()
	want(t, "in b", Current(), b)
	none := Ref{}.Enter()
	want(t, "in none", Current(), Ref{})
	none.Leave()
	want(t, "back in b", Current(), b)
	sa.Leave() // out of order: b is not a's to remove
	want(t, "a left before b", Current(), b)
	sb.Leave()
	want(t, "back in a", Current(), a)
	sb.Leave() // twice
	want(t, "b left twice", Current(), a)
	sa.Leave()
	want(t, "after", Current(), Ref{})
}

func TestEndedIsNeverCurrent(t *testing.T) {
	needAmbient(t)
	outer := newRef()
	r := New(sampled(), outer)
	defer r.Enter().Leave()
	r.End()
	want(t, "Current", Current(), outer)
	if got, ended := Origin(); got != r || !ended {
		t.Errorf("Origin: got %v, %v", got.SpanContext().SpanID(), ended)
	}
	outer.End()
	want(t, "Current with all ended", Current(), Ref{})
	want(t, "FromContext with all ended", FromContext(bg), Ref{})
}

func TestForeignEndsWhileAmbient(t *testing.T) {
	needAmbient(t)
	span := sampled()
	r := Ref{newForeign(span, nil)}
	defer r.Enter().Leave()
	want(t, "Current", Current(), r)
	span.End()
	want(t, "Current after its end", Current(), Ref{})
}

func TestExplicitWinsOverAmbient(t *testing.T) {
	needAmbient(t)
	ambient, explicit := newRef(), newRef()
	defer ambient.Enter().Leave()
	want(t, "ctx with a span", FromContext(NewContext(bg, explicit)), explicit)
	want(t, "ctx without", FromContext(bg), ambient)
	want(t, "detached ctx", FromContext(Detach(bg)), Ref{})
	if origin, ok := Detached(Detach(bg)); !ok || origin != ambient {
		t.Error("Detach does not remember the goroutine's context as its origin")
	}
}

// labels returns the running goroutine's labels as its profile shows them.
func labels(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, l := range (*labelSet)(runtime_getProfLabel()).List {
		if _, ok := got[l.Key]; ok {
			t.Errorf("label %q is there twice", l.Key)
		}
		got[l.Key] = l.Value
	}
	return got
}

func TestUserLabelsAreKept(t *testing.T) {
	needAmbient(t)
	for _, n := range []int{1, 2, 3, 6, 7, 14, 15, 16, 17, 40} {
		var kv []string
		for i := range n {
			kv = append(kv, string(rune('A'+i))+"user", "u")
		}
		pprof.Do(bg, pprof.Labels(kv...), func(ctx context.Context) {
			before := runtime_getProfLabel()
			for _, r := range []Ref{newRef(), New(newSpan(0), Ref{})} {
				scope := r.Enter()
				want(t, "Current", Current(), r)
				got := labels(t)
				for i := 0; i < len(kv); i += 2 {
					if got[kv[i]] != "u" {
						t.Errorf("%d user labels, sampled %v: %q is lost", n, r.c.sampled(), kv[i])
					}
				}
				if id := got["trace_id"]; r.c.sampled() && id != r.SpanContext().TraceID().String() {
					t.Errorf("%d user labels: trace_id is %q", n, id)
				}
				inner := newRef()
				s := inner.Enter()
				want(t, "nested", Current(), inner)
				if got := labels(t); got["span_id"] != inner.SpanContext().SpanID().String() || got["Auser"] != "u" {
					t.Errorf("nested labels: %v", got)
				}
				s.Leave()
				none := Ref{}.Enter()
				want(t, "none", Current(), Ref{})
				if got := labels(t); len(got) != n {
					t.Errorf("without context: labels %v, want %d", got, n)
				}
				none.Leave()
				want(t, "again", Current(), r)
				scope.Leave()
				if runtime_getProfLabel() != before {
					t.Errorf("%d user labels: Leave did not give back what was there", n)
				}
			}
		})
	}
}

func TestUsersPprofDo(t *testing.T) {
	needAmbient(t)
	for _, r := range []Ref{newRef(), New(newSpan(0), Ref{})} {
		for _, user := range [][]string{nil, {"outer", "1"}, {"trace_id", "mine"}} {
			pprof.Do(bg, pprof.Labels(user...), func(ctx context.Context) {
				before := runtime_getProfLabel()
				scope := r.Enter()
				ctx = NewContext(ctx, r)
				pprof.Do(ctx, pprof.Labels("zz", "1", "aa", "2"), func(ctx context.Context) {
					want(t, "inside", Current(), r)
					want(t, "its ctx", FromContext(ctx), r)
					pprof.Do(ctx, pprof.Labels("trace_id", "user's own"), func(context.Context) {
						if r.c.sampled() {
							want(t, "inside one with a trace_id of the user's", Current(), r)
						}
					})
					done := make(chan Ref)
					go func() { done <- Current() }()
					want(t, "child goroutine inside", <-done, r)
					s := newRef()
					sc := s.Enter()
					if got := labels(t); got["aa"] != "2" || got["trace_id"] != s.SpanContext().TraceID().String() {
						t.Errorf("span inside: labels %v", got)
					}
					sc.Leave()
					want(t, "after a span inside", Current(), r)
				})
				want(t, "after", Current(), r)
				scope.Leave()
				if runtime_getProfLabel() != before {
					t.Errorf("user labels %v: Leave after pprof.Do did not give back what was there", user)
				}
			})
		}
	}
}

func TestLeaveElsewhere(t *testing.T) {
	needAmbient(t)
	r, other := newRef(), newRef()
	scope := r.Enter()
	done := make(chan Ref)
	Background(func() {
		go func() {
			defer other.Enter().Leave()
			scope.Leave()
			done <- Current()
		}()
	})
	want(t, "the other goroutine", <-done, other)
	want(t, "this one", Current(), r)
	scope.Leave()
	want(t, "after", Current(), Ref{})
}

func TestGo(t *testing.T) {
	r, ambientRef := newRef(), newRef()
	got := make(chan [2]Ref)
	f := func(ctx context.Context) { got <- [2]Ref{FromContext(ctx), Current()} }
	check := func(what string, g [2]Ref, ctx, current Ref) {
		t.Helper()
		want(t, what+": ctx", g[0], ctx)
		if Ambient() {
			want(t, what+": goroutine", g[1], current)
		}
	}
	Go(bg, nil)
	Go(NewContext(bg, r), f)
	check("ctx only", <-got, r, r)
	want(t, "caller", Current(), Ref{})
	if !Ambient() {
		return
	}
	defer ambientRef.Enter().Leave()
	Go(bg, f)
	check("ambient only", <-got, ambientRef, ambientRef)
	Go(NewContext(bg, r), f)
	check("both", <-got, r, r)
	Go(NewContext(bg, ambientRef), f)
	check("the same", <-got, ambientRef, ambientRef)
	Go(Detach(bg), f)
	check("detached", <-got, Ref{}, Ref{})
	want(t, "caller", Current(), ambientRef)
}

func TestBind(t *testing.T) {
	needAmbient(t)
	Bind(nil)()
	outer := newRef()
	r := New(sampled(), outer)
	scope := r.Enter()
	var got Ref
	f := Bind(func() { got = Current() })
	scope.Leave()
	f()
	want(t, "bound", got, r)
	other := newRef()
	defer other.Enter().Leave()
	r.End()
	f()
	want(t, "bound to an ended span", got, outer)
	want(t, "after", Current(), other)
	func() {
		defer func() { _ = recover() }()
		Bind(func() { panic("user") })()
	}()
	want(t, "after a panic", Current(), other)
}

func TestBackground(t *testing.T) {
	needAmbient(t)
	Background(nil)
	r := newRef()
	defer r.Enter().Leave()
	ran := false
	Background(func() {
		ran = true
		want(t, "in Background", Current(), Ref{})
	})
	if !ran {
		t.Error("f did not run")
	}
	want(t, "after", Current(), r)
}

func TestDialContextElsewhere(t *testing.T) {
	needAmbient(t)
	r := newRef()
	defer r.Enter().Leave()
	var inside Ref
	dial := DialContext(func(context.Context, string, string) (net.Conn, error) {
		inside = Current()
		return nil, net.ErrClosed
	})
	if _, err := dial(bg, "tcp", "x"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("err = %v", err)
	}
	want(t, "in the dial", inside, r)
	want(t, "a caller that is not net/http keeps its context", Current(), r)
}

// A span that ended without leaving, elsewhere or in a panic, is not in the way
// of the one around it.
func TestLeaveFindsWhatEndedUnderIt(t *testing.T) {
	needAmbient(t)
	before := counts()[LeftElsewhere]
	a := newRef()
	sa := a.Enter()
	b := New(sampled(), a)
	b.Enter()
	c := New(sampled(), b)
	c.Enter()
	b.End()
	sa.Leave() // c lives: it is not a's to remove
	want(t, "with c alive", Current(), c)
	c.End()
	sa.Leave()
	if got, _ := Origin(); !got.IsZero() {
		t.Errorf("left with %v", got.SpanContext().SpanID())
	}
	if n := counts()[LeftElsewhere] - before; n != 1 {
		t.Errorf("%d Leaves counted as lost, want the one that found c alive", n)
	}
}

func TestTryLeaveIsNotLost(t *testing.T) {
	needAmbient(t)
	a, b := newRef(), newRef()
	sa, sb := a.Enter(), b.Enter()
	before := counts()[LeftElsewhere]
	sa.TryLeave()
	want(t, "in b", Current(), b)
	if n := counts()[LeftElsewhere] - before; n != 0 {
		t.Errorf("%d counted as lost", n)
	}
	sb.TryLeave()
	want(t, "back in a", Current(), a)
	sa.TryLeave()
	want(t, "after", Current(), Ref{})
}
