package propagate

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// handOffs is how many hand-offs TestRandomHandOffs makes: 50,000, a tenth of
// it under -short, or what CLEW_HANDOFFS says:
//
//	CLEW_HANDOFFS=1000000 go test -race -run TestRandomHandOffs -v ./propagate
func handOffs(t *testing.T) int {
	v := os.Getenv("CLEW_HANDOFFS")
	switch {
	case v == "" && testing.Short():
		return 5_000
	case v == "":
		return 50_000
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("CLEW_HANDOFFS=%s: want a number above 0", v)
	}
	return n
}

// TestRandomHandOffs lets requests start, nest and end spans at random and
// hand work on in every way there is. What runs must find the live span it was
// handed on under; if that has ended, the nearest live one around it, or none.
func TestRandomHandOffs(t *testing.T) {
	needAmbient(t)
	const requests = 8
	h := newHandOver(t)
	total := handOffs(t)
	var done atomic.Int64
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			r := &request{h: h, rnd: rand.New(rand.NewPCG(rand.Uint64(), 1))}
			for done.Load() < int64(total) {
				if r.step() {
					done.Add(1)
				}
			}
			r.unwind(0)
			if !Current().IsZero() {
				t.Error("a request's goroutine is left with a context")
			}
		})
	}
	wg.Wait()
	h.stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	sum := 0
	for way, n := range h.ran {
		sum += n
		if n == 0 {
			t.Errorf("way %d was never taken", way)
		}
	}
	t.Logf("%d hand-offs in %d ways: %d with a wrong context", sum, len(h.ran), h.wrong)
	if h.wrong != 0 {
		t.Errorf("%d of %d hand-offs found another context than theirs", h.wrong, sum)
	}
}

// request is one goroutine's stack of spans.
type request struct {
	h     *handOver
	rnd   *rand.Rand
	spans []Ref
	scope []Scope
}

// step does one thing at random, and reports whether it was a hand-over.
func (r *request) step() bool {
	switch n := r.rnd.IntN(10); {
	case n < 2 && len(r.spans) < 6:
		ref := New(newSpan(oteltrace.TraceFlags(r.rnd.IntN(2))), Current())
		r.spans = append(r.spans, ref)
		r.scope = append(r.scope, ref.Enter())
	case n < 3 && len(r.spans) > 0:
		r.unwind(len(r.spans) - 1)
	case n < 4 && len(r.spans) > 0: // ended early, while it is still entered
		r.spans[r.rnd.IntN(len(r.spans))].End()
	default:
		r.h.over(r.rnd.IntN(len(r.h.ways)), r.live(), r.rnd.IntN(3) == 0)
		return true
	}
	return false
}

func (r *request) unwind(to int) {
	for i := len(r.spans) - 1; i >= to; i-- {
		r.spans[i].End()
		r.scope[i].Leave()
	}
	r.spans, r.scope = r.spans[:to], r.scope[:to]
}

// live returns the innermost span that has not ended: the test's own record.
func (r *request) live() Ref {
	for _, s := range slices.Backward(r.spans) {
		if !s.Ended() {
			return s
		}
	}
	return Ref{}
}

// handOver knows the ways to get a function run elsewhere.
type handOver struct {
	t     *testing.T
	ways  []func(f func())
	stop  func()
	mu    sync.Mutex
	ran   []int
	wrong int
}

// over hands a look at the context on, and waits for it. With late, a span of
// its own is handed on, which ends before anybody looks.
func (h *handOver) over(way int, expect Ref, late bool) {
	saw := make(chan Ref, 1)
	look := func() { saw <- Current() }
	var gate chan struct{}
	if late {
		extra := New(sampled(), expect)
		scope := extra.Enter()
		gate = make(chan struct{})
		look = func() {
			<-gate
			saw <- Current()
		}
		defer scope.Leave()
		go func() { // the hand-over below may run look at once
			extra.End()
			close(gate)
		}()
	}
	h.ways[way](look)
	got := <-saw
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ran[way]++
	if got != expect {
		h.wrong++
	}
}

func newHandOver(t *testing.T) *handOver {
	h := &handOver{t: t}
	var older func(func())
	var stopOlder, stopLazy func()
	Background(func() { older, stopOlder = pool() })
	first := newRef()
	scope := first.Enter()
	lazy, stopLazy := pool() // carries a span that has ended
	items := make(chan Item[func()])
	itemsDone := make(chan struct{})
	go func() {
		defer close(itemsDone)
		for i := range items {
			i.Do(bg, func(_ context.Context, f func()) { f() })
		}
	}()
	scope.Leave()
	first.End()
	loop := NewLoop(LoopConfig{})
	loopDone := make(chan error, 1)
	go func() { loopDone <- loop.Run(bg) }()
	h.ways = []func(func()){
		func(f func()) { go f() },
		func(f func()) { go func() { go f() }() },
		func(f func()) { older(Bind(f)) },
		func(f func()) { lazy(Bind(f)) },
		func(f func()) { Send(items, f) },
		func(f func()) { Go(bg, func(context.Context) { f() }) },
		func(f func()) { Go(NewContext(bg, Current()), func(context.Context) { f() }) },
		func(f func()) { AfterFunc(time.Microsecond, f) },
		func(f func()) {
			ctx, cancel := context.WithCancel(bg)
			ContextAfterFunc(ctx, func(context.Context) { f() })
			Background(cancel)
		},
		func(f func()) {
			if err := loop.Submit(bg, func(context.Context) { f() }); err != nil {
				t.Error(err)
			}
		},
		func(f func()) {
			future, complete := NewFuture[int]()
			Then(bg, future, "", func(context.Context, int) (int, error) { f(); return 0, nil })
			go Background(func() { complete(1, nil) })
		},
		func(f func()) {
			c := Suspend(bg, "")
			older(func() {
				s := c.Resume("")
				f()
				c.Done(nil)
				s.End()
			})
		},
		func(f func()) {
			next, stop := Pull(func(yield func(int) bool) {
				yield(0)
				f()
			})
			Background(func() { next() })
			next()
			stop()
		},
	}
	h.ran = make([]int, len(h.ways))
	h.stop = func() {
		stopOlder()
		stopLazy()
		close(items)
		<-itemsDone
		loop.Close()
		if err := <-loopDone; err != nil {
			t.Error(err)
		}
	}
	return h
}
