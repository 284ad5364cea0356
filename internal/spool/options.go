package spool

import (
	"fmt"
	"os"
	"time"
)

// Sync says when a [Writer] has the disk store what it has written. A process
// that is killed loses nothing it has written, whatever is chosen here; a machine
// that loses its power may.
type Sync uint8

const (
	SyncInterval Sync = iota // every SyncEvery
	SyncNone                 // when the system sees fit
	SyncBatch                // after each write
)

// Sizes and times that count where Options have 0.
const (
	DefaultSegmentBytes = 16 << 20
	DefaultMaxBytes     = 1 << 30
	DefaultMemoryBytes  = 8 << 20
	DefaultFlushEvery   = 50 * time.Millisecond
	DefaultSyncEvery    = time.Second
)

// blockBytes is the size of a block of the ring, and of the usual write.
const blockBytes = 256 << 10

// Options change what a [Writer] does. The zero value is good.
type Options struct {
	SegmentBytes int64 // a segment is this large, but for the last record
	MaxBytes     int64 // all segments together; at least two of them
	// MemoryBytes is the size of the ring between those who append and the disk. It
	// is taken in blocks of 256 KiB, at least two.
	MemoryBytes int
	FlushEvery  time.Duration // how long a record may stay in memory only
	Sync        Sync
	SyncEvery   time.Duration // for SyncInterval
	// MaxBlock is how long Append may wait for room in the ring. Zero: not at all,
	// the record is dropped and counted.
	MaxBlock time.Duration
	// DropOldest makes room, when MaxBytes are in use, by taking away the oldest
	// segment although nobody has read it. Without, records are dropped until a
	// reader has got further.
	DropOldest bool
	// Report is told when writing or syncing begins to fail and, with nil, when it
	// works again. It is called on the Writer's goroutine.
	Report func(error)

	open func(path string) (file, error) // what tests put in the place of the disk
}

// file is what a Writer needs of an [os.File].
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Sync() error
	Close() error
}

func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		name  string
		value *int64
		usual int64
	}{
		{"SegmentBytes", &o.SegmentBytes, DefaultSegmentBytes},
		{"MaxBytes", &o.MaxBytes, DefaultMaxBytes},
		{"FlushEvery", (*int64)(&o.FlushEvery), int64(DefaultFlushEvery)},
		{"SyncEvery", (*int64)(&o.SyncEvery), int64(DefaultSyncEvery)},
		{"MaxBlock", (*int64)(&o.MaxBlock), 0},
	} {
		if *d.value < 0 {
			return o, fmt.Errorf("%s %d is below 0", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if o.MemoryBytes < 0 {
		return o, fmt.Errorf("MemoryBytes %d is below 0", o.MemoryBytes)
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = DefaultMemoryBytes
	}
	if o.Sync > SyncBatch {
		return o, fmt.Errorf("there is no Sync %d", o.Sync)
	}
	if o.MaxBytes < 2*o.SegmentBytes {
		return o, fmt.Errorf("MaxBytes %d are less than two segments of %d bytes", o.MaxBytes, o.SegmentBytes)
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	if o.open == nil {
		o.open = func(path string) (file, error) {
			return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		}
	}
	return o, nil
}
