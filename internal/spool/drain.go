package spool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// retryEvery is how long the Writer waits after a write has failed.
const retryEvery = 100 * time.Millisecond

// run writes what the ring holds, until Close. It is the only one to touch d.
func (w *Writer) run(d *disk) {
	var due <-chan time.Time // for the block that is being filled
	sync := time.NewTicker(w.o.SyncEvery)
	defer sync.Stop()
	if w.o.Sync != SyncInterval {
		sync.Stop()
	}
	for {
		select {
		case <-w.wake:
			due = time.After(w.o.FlushEvery)
		case b := <-w.full:
			if ctx := w.write(d, b); ctx != nil {
				w.finish(ctx, d)
				return
			}
		case <-due:
			due = nil
			if ctx := w.writeAll(d); ctx != nil {
				w.finish(ctx, d)
				return
			}
		case flushed := <-w.flushes:
			if ctx := w.writeAll(d); ctx != nil {
				w.finish(ctx, d)
				return
			}
			close(flushed)
		case <-sync.C:
			w.sync(d)
		case ctx := <-w.stop:
			w.finish(ctx, d)
			return
		}
	}
}

// pending returns the next block with something in it, nil if there is none.
func (w *Writer) pending() *block {
	select {
	case b := <-w.full:
		return b
	default:
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	select { // it may have been filled meanwhile, and another have been begun
	case b := <-w.full:
		return b
	default:
	}
	b := w.cur
	if b == nil || b.records == 0 {
		return nil
	}
	w.cur = nil
	select {
	case w.cur = <-w.free:
	default:
	}
	return b
}

// writeAll writes everything there is. When Close is called meanwhile it returns
// Close's context.
func (w *Writer) writeAll(d *disk) context.Context {
	for b := w.pending(); b != nil; b = w.pending() {
		if ctx := w.write(d, b); ctx != nil {
			return ctx
		}
	}
	return nil
}

// write writes b, trying again for as long as it fails. When Close is called
// meanwhile, b is put aside for finish, and Close's context is returned.
func (w *Writer) write(d *disk, b *block) context.Context {
	seal(b.frames)
	for {
		err := d.write(b)
		w.note(err)
		if err == nil {
			w.wrote(d, b)
			return nil
		}
		select {
		case <-time.After(retryEvery):
		case ctx := <-w.stop:
			d.held = b
			return ctx
		}
	}
}

// wrote empties a block that has been written.
func (w *Writer) wrote(d *disk, b *block) {
	w.count.written.Add(uint64(b.records))
	if w.o.Sync == SyncBatch {
		w.sync(d)
	}
	b.frames, b.records = b.frames[:0], 0
	w.free <- b
}

func (w *Writer) sync(d *disk) {
	if err := d.sync(); err != nil {
		w.count.syncFailed.Add(1)
		w.o.Report(fmt.Errorf("sync spool: %w", err))
	}
}

// note reports a change between working and failing.
func (w *Writer) note(err error) {
	was := w.trouble.Load()
	switch {
	case err == nil && was != nil:
		w.trouble.Store(nil)
		w.o.Report(nil)
	case err != nil:
		w.trouble.Store(&err)
		if was == nil {
			w.o.Report(err)
		}
	}
}

// finish is the end of run: what is left is tried until ctx ends.
func (w *Writer) finish(ctx context.Context, d *disk) {
	var failed error
	lost := 0
	b := d.held
	if b == nil {
		b = w.pending()
	}
	for ; b != nil; b = w.pending() {
		if failed == nil {
			failed = w.writeUntil(ctx, d, b)
		}
		if failed == nil {
			w.wrote(d, b)
			continue
		}
		lost += b.records
		b.frames, b.records = b.frames[:0], 0
		w.free <- b
	}
	var err error
	if lost > 0 {
		_ = w.count.drop(DropClosed, uint64(lost)) // said in err
		err = fmt.Errorf("close spool: %d records could not be written: %w", lost, failed)
	}
	w.mu.Lock()
	next := w.next
	w.mu.Unlock()
	marked := d.close(next)
	if marked == nil {
		w.state.next.Store(0) // there is nothing that the next Writer has to find out
	}
	w.done <- errors.Join(err, marked, w.release())
}

func (w *Writer) writeUntil(ctx context.Context, d *disk, b *block) error {
	seal(b.frames)
	for {
		err := d.write(b)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return err
		}
	}
}
