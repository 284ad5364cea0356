package propagate

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestItem(t *testing.T) {
	r := newRef()
	ctx := NewContext(bg, r)
	ch := make(chan Item[string], 1)
	if err := SendContext(ctx, ch, "v"); err != nil {
		t.Fatal(err)
	}
	item := <-ch
	if item.Ref() != r || item.V != "v" {
		t.Errorf("received %+v", item)
	}
	type key struct{}
	consumer := context.WithValue(withRef(), key{}, "own")
	ran := false
	item.Do(consumer, func(ctx context.Context, v string) {
		ran = true
		want(t, "the item's context wins over the consumer's", FromContext(ctx), r)
		if v != "v" || ctx.Value(key{}) != "own" {
			t.Errorf("value %q, consumer's %v", v, ctx.Value(key{}))
		}
	})
	if !ran {
		t.Error("Do did not run f")
	}
	if Ambient() {
		s := item.Enter()
		want(t, "entered", Current(), r)
		s.Leave()
	}
	want(t, "after", Current(), Ref{})

	r.End()
	//nolint:staticcheck // a nil context is the misuse under test
	item.Do(nil, func(ctx context.Context, _ string) {
		want(t, "an ended span is no parent", FromContext(ctx), Ref{})
		if origin, ok := Detached(ctx); !ok || origin != r {
			t.Error("an ended span is not there to link to")
		}
	})
	outer := newRef()
	inner := New(sampled(), outer)
	item = NewItemContext(NewContext(bg, inner), "v")
	inner.End()
	item.Do(bg, func(ctx context.Context, _ string) { want(t, "the live span around it", FromContext(ctx), outer) })
	Item[string]{}.Do(consumer, func(ctx context.Context, _ string) {
		want(t, "an item without a context leaves the consumer's", FromContext(ctx), FromContext(consumer))
	})
}

func TestSendGivesUp(t *testing.T) {
	boom := errors.New("boom")
	ctx, cancel := context.WithCancelCause(withRef())
	cancel(boom)
	if err := SendContext(ctx, make(chan Item[int]), 1); !errors.Is(err, boom) {
		t.Errorf("SendContext: %v", err)
	}
}

func TestItemWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := NewItemContext(withRef(), 1)
		unsampled := NewItemContext(NewContext(bg, New(newSpan(0), Ref{})), 1)
		time.Sleep(7 * time.Millisecond)
		if got := i.Wait(); got != 7*time.Millisecond {
			t.Errorf("waited %v, want 7ms", got)
		}
		if got := unsampled.Wait(); got != 0 {
			t.Errorf("an unsampled item waited %v: it must not look at the clock", got)
		}
	})
}

func TestMerge(t *testing.T) {
	a, b := newRef(), newRef()
	items := []Item[int]{{ref: a}, {ref: Ref{}}, {ref: b}, {ref: a}, {ref: New(nil, Ref{})}}
	b.End()
	links := MergeItems(items)
	if len(links) != 2 || !links[0].SpanContext.Equal(a.SpanContext()) || !links[1].SpanContext.Equal(b.SpanContext()) {
		t.Errorf("links: %+v", links)
	}
}

func TestBindKinds(t *testing.T) {
	needAmbient(t)
	r := newRef()
	scope := r.Enter()
	boom := errors.New("boom")
	var got []Ref
	see := func() { got = append(got, Current()) }
	f0 := Bind(see)
	fe := BindErr(func() error { see(); return boom })
	f1 := Bind1(func(n int) {
		if n != 1 {
			t.Error(n)
		}
		see()
	})
	f2 := Bind2(func(n int, err error) {
		if n != 2 || !errors.Is(err, boom) {
			t.Error(n, err)
		}
		see()
	})
	fc := BindContext(bg, func(ctx context.Context) {
		want(t, "BindContext's ctx", FromContext(ctx), r)
		see()
	})
	scope.Leave()
	f0()
	if err := fe(); !errors.Is(err, boom) {
		t.Errorf("BindErr: %v", err)
	}
	f1(1)
	f2(2, boom)
	fc()
	if len(got) != 5 {
		t.Errorf("%d functions ran, want 5", len(got))
	}
	for _, g := range got {
		want(t, "bound", g, r)
	}
	want(t, "after", Current(), Ref{})
}

func TestContextAfterFunc(t *testing.T) {
	r := newRef()
	ctx, cancel := context.WithCancel(NewContext(bg, r))
	got := make(chan Ref)
	ContextAfterFunc(ctx, func(ctx context.Context) { got <- FromContext(ctx) })
	cancel()
	want(t, "the registrar's context", <-got, r)
	//nolint:staticcheck // a nil context is the misuse under test
	if stop := ContextAfterFunc(nil, func(context.Context) {}); !stop() {
		t.Error("not registered with a nil context")
	}
}

func TestPullBodyWithSpan(t *testing.T) {
	needAmbient(t)
	caller := newRef()
	defer caller.Enter().Leave()
	own := newRef()
	next, stop := Pull2(func(yield func(int, Ref) bool) {
		scope := own.Enter()
		_ = yield(1, Current()) && yield(2, Current())
		scope.Leave()
		yield(3, Current())
	})
	defer stop()
	for i, expect := range []Ref{own, own, caller} {
		k, got, ok := next()
		if !ok || k != i+1 {
			t.Fatalf("step %d: %d, %v", i, k, ok)
		}
		want(t, "the body", got, expect)
		want(t, "the caller", Current(), caller)
	}
	if _, _, ok := next(); ok {
		t.Error("there is a fourth")
	}
}

func TestGroup(t *testing.T) {
	var g Group[string, int]
	boom := errors.New("boom")
	if _, shared, err := g.Do(bg, "k", func(context.Context) (int, error) { return 0, boom }); shared || !errors.Is(err, boom) {
		t.Errorf("alone: shared %v, err %v", shared, err)
	}
	// A leader that panics, with a joiner, and one that gives up waiting.
	leading, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() {
			if p := recover(); !errors.Is(p.(error), boom) {
				t.Errorf("the leader recovered %v", p)
			}
		}()
		_, _, _ = g.Do(bg, "k", func(context.Context) (int, error) {
			close(leading)
			<-release
			panic(boom)
		})
	})
	<-leading
	stopped, cancel := context.WithCancel(bg)
	cancel()
	if _, _, err := g.Do(stopped, "k", zero); !errors.Is(err, context.Canceled) {
		t.Errorf("a joiner that is cancelled: %v", err)
	}
	wg.Go(func() {
		_, shared, err := g.Do(bg, "k", zero)
		var p *PanicError
		if !shared || !errors.As(err, &p) || !errors.Is(err, boom) {
			t.Errorf("the joiner of a panic: shared %v, err %v", shared, err)
		}
	})
	waitFor(t, "the joiner", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.calls["k"].joined == 2
	})
	g.Forget("k")
	if _, shared, err := g.Do(bg, "k", zero); shared || err != nil {
		t.Errorf("after Forget: shared %v, err %v", shared, err)
	}
	close(release)
	wg.Wait()
	if len(g.calls) != 0 {
		t.Errorf("%d calls are left behind", len(g.calls))
	}
}

func TestNewItem(t *testing.T) {
	needAmbient(t)
	r := newRef()
	scope := r.Enter()
	item := NewItem("v")
	scope.Leave()
	item.Do(bg, func(ctx context.Context, v string) {
		want(t, "what the sender worked for", FromContext(ctx), r)
		if v != "v" {
			t.Errorf("value %q", v)
		}
	})
}
