package heapdiff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/attach"
	"github.com/clewhq/clew/heapdiff/internal/hsperf"
)

// Each try stops the JVM for as long as a dump takes, so their number is bounded
// for large heaps, and their time for small ones.
const (
	fewestTries = 3
	tryFor      = 15 * time.Second
)

// snapPatiently takes snapshots until one is consistent or the tries are used up.
func snapPatiently(ctx context.Context, vm *attach.VM, o SnapOptions) (*Snapshot, error) {
	strict := o
	strict.AllowApproximate = false
	start := time.Now()
	for try := 1; ; try++ {
		s, err := snapOnce(ctx, vm, strict)
		if !errors.Is(err, ErrInconsistent) {
			return s, err
		}
		more := try < o.Tries
		if o.Tries == 0 {
			more = try < fewestTries || time.Since(start) < tryFor
		}
		switch {
		case more:
		case o.AllowApproximate:
			return snapOnce(ctx, vm, o)
		default:
			return nil, fmt.Errorf("%w (tried %d times)", err, try)
		}
		if err := collected(ctx, vm); err != nil {
			return nil, err
		}
	}
}

// A collection that does not come within restLimit is none to wait for: the JVM
// collects seldom enough for a dump in between.
const (
	restPoll  = 2 * time.Millisecond
	restLimit = 2 * time.Second
)

// collected waits until a collection has just ended, since the next one is then as
// far off as it can be. It returns at once where the JVM shares no counters.
func collected(ctx context.Context, vm *attach.VM) error {
	tick := time.NewTicker(restPoll)
	defer tick.Stop()
	limit := time.NewTimer(restLimit)
	defer limit.Stop()
	first := int64(-1)
	for {
		b, err := counters(vm)
		if b == nil || err != nil {
			return err
		}
		idle, ended, err := hsperf.Idle(b)
		if err != nil {
			return err
		}
		if first < 0 {
			first = ended
		}
		if idle && ended != first {
			return nil
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// counters reads what the JVM counts; nil if it shares that with nobody.
func counters(vm *attach.VM) ([]byte, error) {
	file, err := hsperf.File(vm.Root(), vm.NamespacePID())
	if errors.Is(err, hsperf.ErrNoCounters) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the JVM's counters: %w", err)
	}
	return b, nil
}

// collections writes how often collectors ran, in the words of jcmd
// PerfCounter.print. A JVM that shares no counters is judged by its map alone.
func collections(vm *attach.VM, out *strings.Builder) error {
	b, err := counters(vm)
	if b == nil || err != nil {
		return err
	}
	runs, err := hsperf.Collections(b)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(runs)) {
		number, name, _ := strings.Cut(key, " ")
		fmt.Fprintf(out, "sun.gc.collector.%s.invocations=%d\nsun.gc.collector.%s.name=\"%s\"\n", number, runs[key], number, name)
	}
	return nil
}
