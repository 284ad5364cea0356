package spool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Writer appends records to a spool. Its methods can be called by any number of
// goroutines. A directory has one Writer at a time.
type Writer struct {
	o       Options
	lock    *os.File
	state   state
	session uint64
	recov   Recovered
	count   counters
	trouble atomic.Pointer[error] // why writing fails just now

	mu     sync.Mutex
	cur    *block // being filled; nil when there is none free
	next   uint64 // number of the next record
	closed bool

	free    chan *block        // empty ones
	full    chan *block        // in the order they were filled
	wake    chan struct{}      // there is a record where there was none
	flushes chan chan struct{} // Flush waits for these
	stop    chan context.Context
	done    chan error // what Close returns
}

// block is a stretch of frames. A Writer's blocks go round: filled, written,
// emptied.
type block struct {
	frames  []byte
	records int
	last    uint64 // number of the last record
}

// Open opens the spool in dir, which is made if it is not there. What an earlier
// Writer left unfinished is brought into order first.
func Open(dir string, o Options) (*Writer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	lock, err := Lock(dir, lockName)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	w, err := open(dir, o)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("open spool %s: %w", dir, err)
	}
	w.lock = lock
	return w, nil
}

func open(dir string, o Options) (*Writer, error) {
	recov, err := recoverSpool(dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{
		o: o, session: rand.Uint64(), recov: recov,
		wake: make(chan struct{}, 1), flushes: make(chan chan struct{}),
		stop: make(chan context.Context), done: make(chan error, 1),
	}
	d, err := newDisk(dir, o, w.session, &w.count)
	if err != nil {
		return nil, err
	}
	if w.state, err = newState(dir, w.session); err != nil {
		return nil, err
	}
	n := max(2, o.MemoryBytes/blockBytes)
	w.free, w.full = make(chan *block, n), make(chan *block, n)
	for range n {
		w.free <- &block{frames: make([]byte, 0, blockBytes)}
	}
	w.cur = <-w.free
	go w.run(d)
	return w, nil
}

// Append keeps a copy of data as the next record. It does not wait for the disk;
// when there is no room in memory it waits up to MaxBlock and then drops the
// record, which the error, a *[DroppedError], says and [Writer.Stats] counts. An
// Append that succeeds means: in memory, and on disk after FlushEvery unless the
// disk is full by then.
func (w *Writer) Append(data []byte) error {
	size := frameHead + len(data)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(data) == 0 || len(data) > maxRecord {
		return w.drop(DropTooLarge)
	}
	if w.closed {
		return w.count.drop(DropClosed, 1)
	}
	if w.cur == nil || len(w.cur.frames)+size > cap(w.cur.frames) {
		if !w.turn(size) {
			return w.drop(w.fullReason())
		}
	}
	b := w.cur
	b.frames = appendFrame(b.frames, w.next, data)
	b.last = w.next
	b.records++
	w.number()
	w.count.appended.Add(1)
	if b.records == 1 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// number counts a record, kept or not.
func (w *Writer) number() {
	w.next++
	w.state.next.Store(w.next)
}

// drop counts a record that is not kept. It takes a number, which readers miss.
func (w *Writer) drop(d Drop) error {
	if !w.closed {
		w.number()
	}
	return w.count.drop(d, 1)
}

// turn gets a block with room for size bytes. The lock is held, but not while it
// waits, so that another may have filled or found a block meanwhile.
func (w *Writer) turn(size int) bool {
	var timeout <-chan time.Time
	for {
		if w.closed {
			return false
		}
		if w.cur != nil {
			if len(w.cur.frames)+size <= cap(w.cur.frames) {
				return true
			}
			w.full <- w.cur // it has room for all blocks
			w.cur = nil
		}
		select {
		case w.cur = <-w.free:
			continue
		default:
		}
		if w.o.MaxBlock == 0 {
			return false
		}
		if timeout == nil {
			t := time.NewTimer(w.o.MaxBlock)
			defer t.Stop()
			timeout = t.C
		}
		w.mu.Unlock()
		select {
		case b := <-w.free:
			w.mu.Lock()
			if w.cur == nil {
				w.cur = b
			} else {
				w.free <- b
			}
		case <-timeout:
			w.mu.Lock()
			return false
		}
	}
}

// fullReason is why there is no free block.
func (w *Writer) fullReason() Drop {
	if w.closed {
		return DropClosed
	}
	if err := w.trouble.Load(); err != nil {
		return dropFor(*err)
	}
	return DropQueueFull
}

// Flush waits until everything that was appended before has reached the file
// system, or ctx ends.
func (w *Writer) Flush(ctx context.Context) error {
	flushed := make(chan struct{})
	select {
	case w.flushes <- flushed:
	case err := <-w.done:
		w.done <- err
		return err
	case <-ctx.Done():
		return fmt.Errorf("flush spool: %w", context.Cause(ctx))
	}
	select {
	case <-flushed:
		return nil
	case err := <-w.done:
		w.done <- err
		return err
	case <-ctx.Done():
		return fmt.Errorf("flush spool: %w", context.Cause(ctx))
	}
}

// Close writes what is in memory, trying until ctx ends, and ends the Writer.
// What could not be written is dropped and counted, and the error says how much.
// From the second call on it returns what the first did.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	if first {
		w.stop <- ctx
	}
	err := <-w.done
	w.done <- err
	return err
}

// Stats returns what has been counted so far.
func (w *Writer) Stats() Stats {
	s := Stats{
		Appended: w.count.appended.Load(), Written: w.count.written.Load(),
		Bytes: w.count.bytes.Load(), SyncFailed: w.count.syncFailed.Load(), Recovered: w.recov,
	}
	for i := range s.Dropped {
		s.Dropped[i] = w.count.dropped[i].Load()
	}
	return s
}

// release gives up what the Writer holds beside its segments.
func (w *Writer) release() error {
	return errors.Join(w.state.close(), w.lock.Close())
}
