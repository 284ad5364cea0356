package propagate

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// WhenFull says what a [Loop] does with a task for which its queue has no room.
type WhenFull uint8

const (
	// Block makes Submit wait for room.
	Block WhenFull = iota
	// Reject makes Submit return [ErrLoopFull].
	Reject
	// Drop makes Submit throw the task away, count it and return nil.
	Drop
)

// LoopConfig configures a [Loop]. The zero value is good.
type LoopConfig struct {
	// Name is the loop's in metrics and goroutine labels; "loop" by default.
	Name string
	// Queue is how many tasks may wait; 1024 by default.
	Queue int
	// WhenFull says what happens to one more.
	WhenFull WhenFull
	// BlockedAfter is how long a task may run before it counts as blocking the
	// loop; 100 ms by default, never if negative.
	BlockedAfter time.Duration
	// OnBlocked is told of a task that blocks the loop, once, while it runs,
	// on a goroutine of the loop's own. It may be nil: [Loop.Blocked] tells too.
	OnBlocked func(Blocked)
	// MeterProvider gets the lag of every task and the number of discarded
	// ones, if it is not nil.
	MeterProvider metric.MeterProvider
}

// Loop is an event loop: it runs tasks one after the other on one goroutine,
// in the order they were submitted, each under the context of who submitted
// it. It measures how long tasks wait and names the one that keeps the others
// waiting. All methods may be called from any goroutine, also from tasks.
type Loop struct {
	cfg   LoopConfig
	label string        // tells the loop's goroutine in a goroutine profile
	room  chan struct{} // has an element for each task that waits
	wake  chan struct{} // of capacity one: there is a task, or the end
	gone  chan struct{} // closed by Close

	mu     sync.Mutex
	queue  []task // from head on
	head   int
	closed bool

	running   atomic.Bool
	goid      atomic.Int64
	lag       lagHistogram
	done      atomic.Uint64
	discarded atomic.Uint64
	meter     loopMeter
	watch     watch
}

type task struct {
	ctx context.Context
	ref Ref
	f   func(context.Context)
	at  time.Duration
}

var loops atomic.Uint64

// NewLoop returns a loop that runs once somebody calls Run.
func NewLoop(cfg LoopConfig) *Loop {
	if cfg.Name == "" {
		cfg.Name = "loop"
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 1024
	}
	if cfg.BlockedAfter == 0 {
		cfg.BlockedAfter = 100 * time.Millisecond
	}
	return &Loop{
		cfg:   cfg,
		label: loopLabel(cfg.Name, loops.Add(1)),
		room:  make(chan struct{}, cfg.Queue),
		wake:  make(chan struct{}, 1),
		gone:  make(chan struct{}),
		meter: newLoopMeter(cfg),
	}
}

// Submit queues f, to be run under the context that ctx carries, or else the
// goroutine's, with a context derived from ctx. It returns [ErrLoopClosed]
// after Close and, when the queue is full, what [WhenFull] says; waiting for
// room ends with ctx. A task that submits to its own full loop gets
// [ErrLoopFull] rather than wait for itself.
func (l *Loop) Submit(ctx context.Context, f func(context.Context)) error {
	if f == nil {
		note(NilFunc)
		return errNilFunc
	}
	ctx, r := capture(ctx)
	if ok, err := l.admit(ctx); !ok {
		return err
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.room
		note(LoopClosed)
		return ErrLoopClosed
	}
	l.queue = append(l.queue, task{ctx, r, f, now()})
	l.mu.Unlock()
	l.signal()
	return nil
}

// admit takes a place in the queue.
func (l *Loop) admit(ctx context.Context) (ok bool, err error) {
	select {
	case l.room <- struct{}{}:
		return true, nil
	default:
	}
	switch {
	case l.isClosed():
		note(LoopClosed)
		return false, ErrLoopClosed
	case l.cfg.WhenFull == Drop:
		l.discard(1)
		note(LoopDropped)
		return false, nil
	case l.cfg.WhenFull == Reject, l.goid.Load() == goroutineID():
		return false, ErrLoopFull
	}
	select {
	case l.room <- struct{}{}:
		return true, nil
	case <-l.gone:
		note(LoopClosed)
		return false, ErrLoopClosed
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

func (l *Loop) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Loop) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Close lets Run return once the tasks that wait have run, and refuses others.
// It does not wait for that, and may be called more than once.
func (l *Loop) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.gone)
	}
	l.mu.Unlock()
	l.signal()
}

// Run runs tasks on the calling goroutine until the loop is closed and empty,
// and returns nil, or until ctx is cancelled, and returns its cause: tasks that
// wait are then discarded and counted. A task's panic passes through Run and
// closes the loop. Run returns [ErrRunning] when it is running already, and
// [ErrLoopClosed] when it has returned before.
func (l *Loop) Run(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if !l.running.CompareAndSwap(false, true) {
		if l.isClosed() {
			return ErrLoopClosed
		}
		return ErrRunning
	}
	l.goid.Store(goroutineID())
	defer l.goid.Store(0)
	defer l.abort()
	stop := l.watchOver()
	defer stop()
	var err error
	withLabel(ctx, loopLabelKey, l.label, func(labels context.Context) { err = l.run(ctx, labels) })
	return err
}

func (l *Loop) run(ctx, labels context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		t, ok, closed := l.next()
		switch {
		case ok:
			l.do(labels, t)
		case closed:
			return nil
		default:
			select {
			case <-l.wake:
			case <-ctx.Done():
			}
		}
	}
}

// next takes the first task off the queue.
func (l *Loop) next() (t task, ok, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == len(l.queue) {
		return task{}, false, l.closed
	}
	t, l.queue[l.head] = l.queue[l.head], task{}
	l.head++
	if l.head == len(l.queue) || l.head > 256 && l.head > len(l.queue)/2 {
		n := copy(l.queue, l.queue[l.head:])
		clear(l.queue[n:])
		l.queue, l.head = l.queue[:n], 0
	}
	<-l.room
	return t, true, l.closed
}

// do runs one task, under the eyes of the watch.
func (l *Loop) do(labels context.Context, t task) {
	begun := now()
	l.lag.record(begun - t.at)
	l.meter.lag(begun - t.at)
	l.watch.begin(begun, t.ref)
	defer l.watch.end()
	runUnder(relabelled(t.ctx, labels), t.ref, t.f)
	l.done.Add(1)
}

// abort closes the loop and discards what still waits.
func (l *Loop) abort() {
	l.Close()
	l.mu.Lock()
	n := len(l.queue) - l.head
	l.queue, l.head = nil, 0
	l.mu.Unlock()
	for range n {
		<-l.room
		noteNowhere(LoopDropped)
	}
	l.discard(n)
}

func (l *Loop) discard(n int) {
	if n > 0 {
		l.discarded.Add(uint64(n))
		l.meter.discard(n)
	}
}

// LoopStats is what a [Loop] has done so far.
type LoopStats struct {
	Waiting   int    // tasks in the queue now
	Done      uint64 // tasks that have run
	Discarded uint64 // tasks dropped, or left when Run was cancelled
	Blocked   uint64 // tasks that ran for longer than LoopConfig.BlockedAfter
	Lag       Lag
}

// Stats returns what the loop has done so far.
func (l *Loop) Stats() LoopStats {
	return LoopStats{
		Waiting:   len(l.room),
		Done:      l.done.Load(),
		Discarded: l.discarded.Load(),
		Blocked:   l.watch.count.Load(),
		Lag:       l.lag.snapshot(),
	}
}
