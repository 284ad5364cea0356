package propagate

import (
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// running runs l on a goroutine of its own; stop closes it and waits.
func running(t *testing.T, l *Loop) (stop func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- l.Run(bg) }()
	return func() {
		t.Helper()
		l.Close()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func TestLoopOrderAndContext(t *testing.T) {
	l := NewLoop(LoopConfig{Name: "main"})
	stop := running(t, l)
	var order, expect []int
	for i := range 100 {
		r := newRef()
		if i%10 == 0 {
			r = Ref{}
		}
		ctx := NewContext(bg, r)
		if err := l.Submit(ctx, func(ctx context.Context) {
			want(t, "a task's context", FromContext(ctx), r)
			if Ambient() {
				want(t, "current in a task", Current(), r)
			}
			if v, ok := pprof.Label(ctx, "trace_id"); ok != !r.IsZero() {
				t.Errorf("task %d: label trace_id %q", i, v)
			}
			order = append(order, i)
		}); err != nil {
			t.Fatal(err)
		}
		expect = append(expect, i)
	}
	stop()
	if diff := cmp.Diff(expect, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if s := l.Stats(); s.Done != 100 || s.Waiting != 0 || s.Discarded != 0 || s.Lag.Count != 100 {
		t.Errorf("stats: %+v", s)
	}
}

func TestLoopLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		l := NewLoop(LoopConfig{Name: "lag", BlockedAfter: -1, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
		submit := func(d time.Duration) {
			if err := l.Submit(withRef(), func(context.Context) { time.Sleep(d) }); err != nil {
				t.Error(err)
			}
		}
		submit(40 * time.Millisecond) // waits for nothing
		submit(2 * time.Millisecond)  // waits 40 ms
		submit(0)                     // waits 42 ms
		stop := running(t, l)
		stop()
		lag := l.Stats().Lag
		expect := Lag{Count: 3, Sum: 82 * time.Millisecond, Max: 42 * time.Millisecond, Buckets: []LagBucket{
			{time.Microsecond, 1}, {65536 * time.Microsecond, 2},
		}}
		if diff := cmp.Diff(expect, lag); diff != "" {
			t.Errorf("lag (-want +got):\n%s", diff)
		}
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(bg, &rm); err != nil {
			t.Fatal(err)
		}
		h, ok := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
		if !ok || rm.ScopeMetrics[0].Metrics[0].Name != "clew.loop.lag" || h.DataPoints[0].Count != 3 || h.DataPoints[0].Sum != 0.082 {
			t.Errorf("metric: %+v", rm.ScopeMetrics)
		}
	})
}

func TestLagQuantile(t *testing.T) {
	var h lagHistogram
	if got := h.snapshot().Quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing: %v", got)
	}
	for i := range 100 {
		h.record(time.Duration(i+1) * time.Millisecond)
	}
	h.record(-time.Second) // a clock that steps back counts as no lag
	l := h.snapshot()
	for _, c := range []struct {
		q        float64
		from, to time.Duration
	}{
		{-1, 0, time.Millisecond},
		{0.5, 50 * time.Millisecond, 100 * time.Millisecond},
		{0.99, 98 * time.Millisecond, 100 * time.Millisecond},
		{2, 100 * time.Millisecond, 100 * time.Millisecond},
	} {
		if got := l.Quantile(c.q); got < c.from || got > c.to {
			t.Errorf("quantile %v: %v, want between %v and %v", c.q, got, c.from, c.to)
		}
	}
}

func TestLoopFull(t *testing.T) {
	task := func(context.Context) {}
	ctx := withRef()
	fill := func(l *Loop) {
		for range 2 {
			if err := l.Submit(ctx, task); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Run("reject", func(t *testing.T) {
		l := NewLoop(LoopConfig{Queue: 2, WhenFull: Reject})
		fill(l)
		if err := l.Submit(ctx, task); !errors.Is(err, ErrLoopFull) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("drop", func(t *testing.T) {
		l := NewLoop(LoopConfig{Queue: 2, WhenFull: Drop})
		fill(l)
		if err := l.Submit(ctx, task); err != nil || l.Stats().Discarded != 1 || l.Stats().Waiting != 2 {
			t.Errorf("got %v, %+v", err, l.Stats())
		}
	})
	t.Run("block until cancelled", func(t *testing.T) {
		l := NewLoop(LoopConfig{Queue: 2})
		fill(l)
		boom := errors.New("boom")
		ctx, cancel := context.WithCancelCause(ctx)
		got := make(chan error)
		go func() { got <- l.Submit(ctx, task) }()
		cancel(boom)
		if err := <-got; !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("block until closed", func(t *testing.T) {
		l := NewLoop(LoopConfig{Queue: 2})
		fill(l)
		got := make(chan error)
		go func() { got <- l.Submit(ctx, task) }()
		l.Close()
		if err := <-got; !errors.Is(err, ErrLoopClosed) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("block until there is room", func(t *testing.T) {
		l := NewLoop(LoopConfig{Queue: 2})
		fill(l)
		got := make(chan error)
		go func() { got <- l.Submit(ctx, task) }()
		stop := running(t, l)
		if err := <-got; err != nil {
			t.Errorf("got %v", err)
		}
		stop()
	})
	t.Run("a task never waits for its own loop", func(t *testing.T) {
		l := NewLoop(LoopConfig{Queue: 2})
		got := make(chan error, 1)
		if err := l.Submit(ctx, func(ctx context.Context) {
			fill(l)
			got <- l.Submit(ctx, task)
		}); err != nil {
			t.Fatal(err)
		}
		stop := running(t, l)
		if err := <-got; !errors.Is(err, ErrLoopFull) {
			t.Errorf("got %v", err)
		}
		stop()
	})
}

func TestLoopEnds(t *testing.T) {
	t.Run("cancelled", func(t *testing.T) {
		l := NewLoop(LoopConfig{})
		boom := errors.New("boom")
		ctx, cancel := context.WithCancelCause(bg)
		defer cancel(nil)
		for range 3 {
			if err := l.Submit(withRef(), func(context.Context) { cancel(boom) }); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Run(ctx); !errors.Is(err, boom) {
			t.Errorf("Run: %v", err)
		}
		if s := l.Stats(); s.Done != 1 || s.Discarded != 2 || s.Waiting != 0 {
			t.Errorf("stats: %+v", s)
		}
		if err := l.Run(bg); !errors.Is(err, ErrLoopClosed) {
			t.Errorf("Run again: %v", err)
		}
	})
	t.Run("cancelled while idle", func(t *testing.T) {
		ctx, cancel := context.WithCancel(bg)
		got := make(chan error)
		go func() { got <- NewLoop(LoopConfig{}).Run(ctx) }()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	t.Run("run twice", func(t *testing.T) {
		l := NewLoop(LoopConfig{})
		stop := running(t, l)
		waitFor(t, "the loop to run", l.running.Load)
		if err := l.Run(bg); !errors.Is(err, ErrRunning) {
			t.Errorf("second Run: %v", err)
		}
		stop()
		l.Close()
	})
	t.Run("panic", func(t *testing.T) {
		l := NewLoop(LoopConfig{})
		if err := l.Submit(withRef(), func(context.Context) { panic("user") }); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if p := recover(); p != "user" {
					t.Errorf("recovered %v", p)
				}
			}()
			_ = l.Run(bg)
		}()
		if err := l.Submit(withRef(), func(context.Context) {}); !errors.Is(err, ErrLoopClosed) {
			t.Errorf("Submit after a panic: %v", err)
		}
	})
	t.Run("gives back the goroutine's context", func(t *testing.T) {
		r := newRef()
		defer r.Enter().Leave()
		l := NewLoop(LoopConfig{})
		if err := l.Submit(Detach(bg), func(context.Context) { want(t, "in a detached task", Current(), Ref{}) }); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if err := l.Run(bg); err != nil {
			t.Error(err)
		}
		if Ambient() {
			want(t, "after Run", Current(), r)
		}
	})
}

func TestLoopConcurrent(t *testing.T) {
	l := NewLoop(LoopConfig{Queue: 8})
	stop := running(t, l)
	sum := 0 // the loop's alone
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if err := l.Submit(bg, func(context.Context) { sum++ }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	stop()
	if sum != 4000 {
		t.Errorf("%d tasks ran, want 4000", sum)
	}
}

//go:noinline
func blockTheLoop(release <-chan Blocked) { <-release }

// TestLoopBlocked wants the watcher to catch a task in the act: where it is,
// and in which trace.
func TestLoopBlocked(t *testing.T) {
	caught := make(chan Blocked)
	l := NewLoop(LoopConfig{Name: "main", BlockedAfter: 2 * time.Millisecond, OnBlocked: func(b Blocked) { caught <- b }})
	other := NewLoop(LoopConfig{Name: "main", BlockedAfter: -1})
	stop, stopOther := running(t, l), running(t, other)
	hold := make(chan Blocked)
	if err := other.Submit(bg, func(context.Context) { <-hold }); err != nil { // must not be taken for l's
		t.Fatal(err)
	}
	r := newRef()
	release := make(chan Blocked)
	for range 2 {
		if err := l.Submit(NewContext(bg, r), func(context.Context) { blockTheLoop(release) }); err != nil {
			t.Fatal(err)
		}
	}
	b := <-caught
	release <- b
	if !b.Span.Equal(r.SpanContext()) {
		t.Errorf("blocked by span %v, want %v", b.Span.SpanID(), r.SpanContext().SpanID())
	}
	if b.Running < 2*time.Millisecond {
		t.Errorf("caught after %v, before the limit", b.Running)
	}
	lines := strings.Split(b.Stack, "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "propagate.blockTheLoop") })
	if at < 0 || !strings.Contains(lines[at], "loop_test.go:") || strings.Contains(b.Stack, "runUnder") {
		t.Errorf("stack:\n%s", b.Stack)
	}
	second := <-caught
	release <- second
	if second.Stack != "" {
		t.Error("a second stack within a second of the first")
	}
	stop()
	close(hold)
	stopOther()
	if s := l.Stats(); s.Blocked != 2 || len(l.Blocked()) != 2 || l.Blocked()[0].Stack != b.Stack {
		t.Errorf("%d blocked, %+v", s.Blocked, l.Blocked())
	}
}

// TestLoopBlockedKeepsLatest blocks more often than is kept, with a callback
// that panics.
func TestLoopBlockedKeepsLatest(t *testing.T) {
	l := NewLoop(LoopConfig{BlockedAfter: time.Nanosecond, OnBlocked: func(Blocked) { panic("user") }})
	stop := running(t, l)
	const n = keepBlocked + 3
	var last Ref
	for i := range n {
		last = newRef()
		if err := l.Submit(NewContext(bg, last), func(context.Context) {
			waitFor(t, "the watcher", func() bool { runtime.Gosched(); return l.Stats().Blocked > uint64(i) })
		}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	got := l.Blocked()
	if len(got) != keepBlocked || !got[keepBlocked-1].Span.Equal(last.SpanContext()) {
		t.Errorf("%d kept", len(got))
	}
}

// TestLoopBlockedInStep blocks in a step of a continuation, within a task that
// has no context of its own, as the readiness of a socket has none.
func TestLoopBlockedInStep(t *testing.T) {
	needAmbient(t)
	caught := make(chan Blocked)
	l := NewLoop(LoopConfig{BlockedAfter: time.Millisecond, OnBlocked: func(b Blocked) { caught <- b }})
	stop := running(t, l)
	rec := newRecorder()
	ctx, _ := rec.request()
	c := Suspend(ctx, "operation")
	step := make(chan oteltrace.SpanContext, 1)
	release := make(chan Blocked)
	if err := l.Submit(Detach(bg), func(context.Context) {
		s := c.Resume("step")
		step <- FromContext(s.Context()).SpanContext()
		blockTheLoop(release)
		s.End()
		c.Done(nil)
	}); err != nil {
		t.Fatal(err)
	}
	b := <-caught
	release <- b
	stop()
	if expect := <-step; b.Span.SpanID() != expect.SpanID() || b.Span.TraceID() != expect.TraceID() {
		t.Errorf("blocked by span %v, want %v", b.Span.SpanID(), expect.SpanID())
	}
}

func TestSpanOf(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for labels, valid := range map[string]bool{
		`1 @ 0x1\n# labels: {"a":"b", "span_id":"` + span + `", "trace_id":"` + trace + `"}`: true,
		`1 @ 0x1\n# labels: {"span_id":"` + span + `"}`:                                      false,
		`1 @ 0x1\n# labels: {"span_id":"x", "trace_id":"` + trace + `"}`:                     false,
		"": false,
	} {
		if sc := spanOf(labels); sc.IsValid() != valid || valid && (sc.TraceID().String() != trace || sc.SpanID().String() != span) {
			t.Errorf("%s: got %v", labels, sc)
		}
	}
}

func TestFramesOf(t *testing.T) {
	const lines = "0x47a main.work+0x1d\t/a b/main.go:7\n#\t0x48 main.(*T).f[...]+0x2\t/a/main.go:9\n#\tshort\n" +
		"#\t0x49 github.com/clewhq/clew/propagate.runUnder+0x2\t/x.go:1\n#\t0x4a main.main+0x1\t/a/main.go:1"
	expect := "main.work (/a b/main.go:7)\nmain.(*T).f[...] (/a/main.go:9)\n"
	if got := framesOf(lines); got != expect {
		t.Errorf("got %q, want %q", got, expect)
	}
}
