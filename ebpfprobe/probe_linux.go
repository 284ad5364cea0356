package ebpfprobe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/clewhq/clew/ebpfprobe/internal/discover"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// How often events are taken from the kernel, and how often servers are looked
// for.
const (
	drainEvery = 50 * time.Millisecond
	lookEvery  = 500 * time.Millisecond
)

// engine joins the tiers, and follows the servers from one process to the next.
type engine struct {
	cfg   Config
	proc  discover.Proc
	start time.Time
	boot  time.Time // when CLOCK_MONOTONIC was 0

	stop context.CancelFunc
	done chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex // guards what follows
	tiers  tiers
	places []*place
	others map[int]uint64 // processes that are no servers, and when they started
	err    error          // of the goroutine
	closed bool
}

func startEngine(ctx context.Context, cfg Config) (*engine, error) {
	e := &engine{cfg: cfg, proc: "/proc", done: make(chan struct{}), others: map[int]uint64{}}
	now, err := monotonic()
	if err != nil {
		return nil, fmt.Errorf("start the probe: %w", err)
	}
	e.start = time.Now()
	e.boot = e.start.Add(-now)
	if err := e.tiers.open(cfg); err != nil {
		return nil, fmt.Errorf("start the probe: %w", err)
	}
	if err := e.lookFirst(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the probe: %w", err), e.tiers.close())
	}
	e.start = time.Now()
	ctx, e.stop = context.WithCancel(ctx)
	go e.run(ctx)
	return e, nil
}

func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// wall returns the time of day at a moment of CLOCK_MONOTONIC.
func (e *engine) wall(ns uint64) time.Time { return e.boot.Add(time.Duration(ns)) }

// run takes events and follows servers until ctx ends.
func (e *engine) run(ctx context.Context) {
	defer close(e.done)
	drain, look := time.NewTicker(drainEvery), time.NewTicker(lookEvery)
	defer drain.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			e.mu.Lock()
			e.err = errors.Join(e.err, e.drain(), e.tiers.detach())
			e.mu.Unlock()
			return
		case <-drain.C:
			e.mu.Lock()
			e.err = errors.Join(e.err, e.drain())
			e.mu.Unlock()
		case <-look.C:
			e.mu.Lock()
			e.look()
			e.mu.Unlock()
		}
	}
}

func (e *engine) report() (*report.Report, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, os.ErrClosed
	}
	r, err := e.fill()
	if err := errors.Join(e.err, err); err != nil {
		return nil, fmt.Errorf("make a report: %w", err)
	}
	return r, nil
}

func (e *engine) close() error {
	e.stop()
	<-e.done
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	return e.tiers.close()
}
