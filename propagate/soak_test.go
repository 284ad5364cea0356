//go:build !propagate_noambient

package propagate

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// soakFor is how long TestSoak runs: a second, or what CLEW_SOAK says:
//
//	CLEW_SOAK=60s GODEBUG=clobberfree=1 go test -run TestSoak -v ./propagate
func soakFor(t *testing.T) time.Duration {
	v := os.Getenv("CLEW_SOAK")
	if v == "" {
		return time.Second
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatalf("CLEW_SOAK=%s: want a duration such as 60s", v)
	}
	return d
}

// TestSoak enters, merges, inherits, ends and drops contexts on several
// goroutines, while collections are forced and CPU and goroutine profiles read
// every label there is. Each goroutine only accepts the context it should see.
func TestSoak(t *testing.T) {
	needAmbient(t)
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	var (
		rounds, faults atomic.Int64
		wg             sync.WaitGroup
		stop           = make(chan struct{})
	)
	for range 6 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				faults.Add(soakRound())
				rounds.Add(1)
			}
		})
	}
	wg.Go(func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				if err := pprof.Lookup("goroutine").WriteTo(io.Discard, 1); err != nil {
					t.Error(err)
				}
			}
		}
	})
	timer := time.AfterFunc(soakFor(t), func() { close(stop) })
	defer timer.Stop()
	wg.Wait()
	t.Logf("%d rounds, %d faults", rounds.Load(), faults.Load())
	if rounds.Load() == 0 || faults.Load() != 0 {
		t.Errorf("%d rounds, %d faults, want some and none", rounds.Load(), faults.Load())
	}
}

// soakRound takes one span through its life and returns the number of places
// where another context than its own was seen.
func soakRound() (faults int64) {
	outer := newRef()
	span := sampled()
	if rand.N(4) == 0 {
		span = newSpan(0)
	}
	r := New(span, outer)
	id := strings.Clone(r.SpanContext().SpanID().String())
	expect := func(id string) {
		if Current().SpanContext().SpanID().String() != id {
			faults++
		}
	}
	scope := r.Enter()
	child := make(chan string, 2)
	go func() {
		_ = make([]byte, 4096)
		runtime.Gosched()
		child <- Current().SpanContext().SpanID().String()
	}()
	ctx := NewContext(context.Background(), r)
	if rand.N(2) == 0 {
		ctx = pprof.WithLabels(ctx, pprof.Labels("route", "/x"))
	}
	end := r.End
	r = Ref{} // from here on the labels alone keep the cell
	pprof.Do(ctx, pprof.Labels("a", "1", "u", "2"), func(context.Context) {
		ctx = nil
		if rand.N(64) == 0 {
			runtime.GC()
		}
		expect(id)
		inner := New(sampled(), Current())
		s := inner.Enter()
		if rand.N(64) == 0 {
			runtime.GC()
		}
		expect(inner.SpanContext().SpanID().String())
		inner.End()
		expect(id)
		s.Leave()
		expect(id)
	})
	expect(id)
	if <-child != id {
		faults++
	}
	end()
	expect(outer.SpanContext().SpanID().String())
	outer.End()
	expect("0000000000000000")
	scope.Leave()
	expect("0000000000000000")
	return faults
}
