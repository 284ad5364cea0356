package propagate

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
)

func TestThen(t *testing.T) {
	rec := newRecorder()
	ctx, request := rec.request()
	f, complete := NewFuture[int]()
	g := Then(ctx, f, "double", func(ctx context.Context, n int) (int, error) {
		if got := FromContext(ctx).SpanContext().TraceID(); got != request.SpanContext().TraceID() {
			t.Errorf("double runs in trace %s", got)
		}
		return 2 * n, nil
	})
	h := Then(ctx, g, "text", func(_ context.Context, n int) (string, error) { return strconv.Itoa(n), nil })
	other := newRef()
	scope := other.Enter() // who completes it is not whose context counts
	complete(21, nil)
	scope.Leave()
	if v, err := h.Await(bg); v != "42" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if v, err := Then(ctx, h, "late", func(_ context.Context, s string) (int, error) { return len(s), nil }).Await(bg); v != 2 || err != nil {
		t.Errorf("hung on a complete future: %d, %v", v, err)
	}
}

func TestThenFailures(t *testing.T) {
	rec := newRecorder()
	ctx, _ := rec.request()
	boom := errors.New("boom")
	never := func(context.Context, int) (int, error) { t.Error("called"); return 0, nil }

	f, complete := NewFuture[int]()
	after := Then(ctx, f, "after a failure", never)
	complete(0, boom)
	if _, err := after.Await(bg); !errors.Is(err, boom) {
		t.Errorf("a failure is not passed on: %v", err)
	}
	if s := rec.named(t, "after a failure"); s.Status().Code != codes.Error {
		t.Errorf("status %+v", s.Status())
	}

	f, complete = NewFuture[int]()
	panics := Then(ctx, f, "panics", func(context.Context, int) (int, error) { panic(boom) })
	complete(1, nil)
	_, err := panics.Await(bg)
	var p *PanicError
	if !errors.As(err, &p) || !errors.Is(err, boom) || !strings.Contains(p.Stack, "TestThenFailures") {
		t.Errorf("a panic became %v", err)
	}

	f, _ = NewFuture[int]()
	stopped, cancel := context.WithCancelCause(bg)
	cancel(boom)
	if _, err := f.Await(stopped); !errors.Is(err, boom) {
		t.Errorf("Await with a cancelled context: %v", err)
	}
	select {
	case <-f.Done():
		t.Error("an open future is done")
	default:
	}
}

func TestThenOnCountsQueueing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		ctx, _ := rec.request()
		f, complete := NewFuture[int]()
		exec := func(run func()) { time.AfterFunc(5*time.Millisecond, run) } // a queue of 5 ms
		g := ThenOn(ctx, f, exec, "operation", func(context.Context, int) (int, error) { return 0, nil })
		time.Sleep(30 * time.Millisecond)
		complete(1, nil)
		if _, err := g.Await(bg); err != nil {
			t.Error(err)
		}
		for _, s := range rec.Ended() {
			if s.Name() != "operation" {
				continue
			}
			a := attrs(s)
			if a[AttrSuspended] != 0.030 || a[AttrQueued] != 0.005 {
				t.Errorf("suspended %v, queued %v; want 0.03 and 0.005", a[AttrSuspended], a[AttrQueued])
			}
		}
	})
}

func TestFutureRace(t *testing.T) {
	for range 200 {
		f, complete := NewFuture[int]()
		var wg sync.WaitGroup
		got := make(chan int, 8)
		for i := range 4 {
			wg.Go(func() { complete(i, nil) })
			wg.Go(func() {
				v, err := Then(bg, f, "op", func(_ context.Context, v int) (int, error) { return v, nil }).Await(bg)
				if err != nil {
					t.Error(err)
				}
				got <- v
			})
		}
		wg.Wait()
		close(got)
		first := <-got
		for v := range got {
			if v != first {
				t.Errorf("outcomes %d and %d of one future", first, v)
			}
		}
	}
}

func TestMachine(t *testing.T) {
	rec := newRecorder()
	ctx, request := rec.request()
	var path []string
	finish := &Stage[string]{Label: "commit", Run: func(_ context.Context, e string) (*Stage[string], error) {
		path = append(path, "commit "+e)
		return nil, nil
	}}
	pay := &Stage[string]{Label: "pay", Run: func(ctx context.Context, e string) (*Stage[string], error) {
		path = append(path, "pay "+e)
		if got := FromContext(ctx).SpanContext().TraceID(); got != request.SpanContext().TraceID() {
			t.Errorf("pay runs in trace %s", got)
		}
		return finish, nil
	}}
	var m *Machine[string]
	reserve := &Stage[string]{Label: "reserve", Run: func(_ context.Context, e string) (*Stage[string], error) {
		path = append(path, "reserve "+e)
		if _, err := m.Feed("reentrant"); !errors.Is(err, ErrRunning) {
			t.Errorf("fed from within a stage: %v", err)
		}
		return pay, nil
	}}
	m = NewMachine(ctx, "order", reserve)
	m.Ready()
	for i, step := range []struct {
		label string
		event string
		done  bool
	}{{"reserve", "a", false}, {"pay", "b", false}, {"commit", "c", true}} {
		if got := m.Label(); got != step.label {
			t.Errorf("step %d: label %q, want %q", i, got, step.label)
		}
		got := make(chan error) // each on a goroutine of its own
		go func() {
			done, err := m.Feed(step.event)
			if done != step.done {
				t.Errorf("step %d: done %v", i, done)
			}
			got <- err
		}()
		if err := <-got; err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if done, err := m.Feed("d"); !done || !errors.Is(err, ErrDone) {
		t.Errorf("fed after the end: %v, %v", done, err)
	}
	if m.Label() != "" {
		t.Errorf("label after the end: %q", m.Label())
	}
	if diff := cmp.Diff([]string{"reserve a", "pay b", "commit c"}, path); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	order := rec.named(t, "order")
	wantChild(t, order, request.SpanContext())
	for i, label := range []string{"reserve", "pay", "commit"} {
		s := rec.named(t, label)
		wantChild(t, s, order.SpanContext())
		if got := attrs(s)[AttrStep]; got != int64(i+1) {
			t.Errorf("%s is step %v, want %d", label, got, i+1)
		}
	}
	if m.Continuation().Ref().SpanContext().SpanID() != order.SpanContext().SpanID() {
		t.Error("the machine's continuation is not its operation")
	}
}

func TestMachineFailures(t *testing.T) {
	rec := newRecorder()
	ctx, _ := rec.request()
	boom := errors.New("boom")
	for name, run := range map[string]func(context.Context, int) (*Stage[int], error){
		"fails":  func(context.Context, int) (*Stage[int], error) { return nil, boom },
		"panics": func(context.Context, int) (*Stage[int], error) { panic(boom) },
	} {
		m := NewMachine(ctx, name, &Stage[int]{Label: "stage that " + name, Run: run})
		if done, err := m.Feed(1); !done || !errors.Is(err, boom) {
			t.Errorf("%s: %v, %v", name, done, err)
		}
		if s := rec.named(t, name); s.Status().Code != codes.Error {
			t.Errorf("%s: status %+v", name, s.Status())
		}
	}
}
