package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// errSpoolFull is the error while MaxBytes are in use.
var errSpoolFull = errors.New("the spool is full and nobody has read it; ship it, or give it more room")

// disk is the written half of a Writer: the segment that grows and those before.
type disk struct {
	dir     string
	o       Options
	session uint64
	count   *counters
	older   []segment // the oldest first, without the one that grows
	number  uint64    // of the segment that grows, or grew last
	f       file      // nil before the first record
	offset  int64
	next    uint64 // number that the next record has if none is missing
	dirty   bool   // written to since the last sync
	held    *block // what Close has interrupted the writing of
}

func newDisk(dir string, o Options, session uint64, count *counters) (*disk, error) {
	d := &disk{dir: dir, o: o, session: session, count: count}
	if err := d.list(); err != nil {
		return nil, err
	}
	if n := len(d.older); n > 0 {
		d.number = d.older[n-1].number
	}
	// A reader may have got further than the segments that are still there.
	if c, err := LoadCursor(dir); err == nil {
		d.number = max(d.number, c.Segment)
	}
	return d, nil
}

// list finds out which segments there are: whoever ships takes some away.
func (d *disk) list() error {
	all, err := segments(d.dir)
	if err != nil {
		return err
	}
	var bytes int64
	for _, s := range all {
		bytes += s.size
	}
	d.older = all
	d.count.bytes.Store(bytes)
	return nil
}

// write appends the frames of b, all or, as far as readers see, none: what has
// been written in part is written over the next time.
func (d *disk) write(b *block) error {
	n := int64(len(b.frames))
	if d.f != nil && d.offset > segmentHead && d.offset+n > d.o.SegmentBytes {
		if err := d.seal(); err != nil {
			return err
		}
	}
	if d.f == nil {
		if err := d.begin(); err != nil {
			return err
		}
	}
	if err := d.makeRoom(n); err != nil {
		return err
	}
	if _, err := d.f.WriteAt(b.frames, d.offset); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	d.offset += n
	d.count.bytes.Add(n)
	d.next, d.dirty = b.last+1, true
	return nil
}

// begin begins a segment.
func (d *disk) begin() error {
	if err := d.list(); err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	path := segmentPath(d.dir, d.number+1)
	f, err := d.o.open(path)
	if err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	h := head{session: d.session, first: d.next, created: time.Now()}
	if _, err := f.WriteAt(h.append(nil), 0); err != nil {
		_ = f.Close()   // the file is as good as gone
		os.Remove(path) // else the next try would find it in its way
		return fmt.Errorf("begin segment: %w", err)
	}
	d.number++
	d.f, d.offset, d.dirty = f, segmentHead, true
	d.count.bytes.Add(segmentHead)
	return nil
}

// seal ends the segment that grows.
func (d *disk) seal() error {
	if d.o.Sync != SyncNone {
		if err := d.sync(); err != nil {
			return fmt.Errorf("sync segment: %w", err)
		}
	}
	err := d.f.Close()
	d.f, d.offset = nil, 0
	if err != nil {
		return fmt.Errorf("close segment: %w", err)
	}
	return nil
}

// makeRoom takes old segments away until n bytes more fit below MaxBytes: those
// that have been read and, if the Options say so, those that have not.
func (d *disk) makeRoom(n int64) error {
	if d.count.bytes.Load()+n <= d.o.MaxBytes {
		return nil
	}
	c, err := LoadCursor(d.dir)
	if err != nil {
		return err
	}
	for d.count.bytes.Load()+n > d.o.MaxBytes {
		if len(d.older) == 0 || d.older[0].number >= c.Segment && !d.o.DropOldest {
			return errSpoolFull
		}
		// Whoever ships may have taken it away already.
		err := os.Remove(segmentPath(d.dir, d.older[0].number))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make room: %w", err)
		}
		d.count.bytes.Add(-d.older[0].size)
		d.older = d.older[1:]
	}
	return nil
}

func (d *disk) sync() error {
	if !d.dirty || d.f == nil {
		return nil
	}
	d.dirty = false // after a failure the system forgets what it could not store
	return d.f.Sync()
}

// close writes the mark that the session ends with the record before next.
func (d *disk) close(next uint64) error {
	if d.f == nil && next > d.next {
		// All of them were dropped: a segment of the mark alone lets readers know.
		if err := d.begin(); err != nil {
			return fmt.Errorf("close spool: %w", err)
		}
	}
	if d.f == nil {
		return nil
	}
	mark := appendFrame(nil, next, nil)
	seal(mark)
	_, err := d.f.WriteAt(mark, d.offset)
	d.count.bytes.Add(frameHead)
	if d.o.Sync != SyncNone {
		err = errors.Join(err, d.f.Sync())
	}
	if err = errors.Join(err, d.f.Close()); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}
