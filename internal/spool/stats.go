package spool

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// ErrLocked is the error for a spool that another process is using.
var ErrLocked = errors.New("another process is using this spool")

// Drop is why a record was not kept.
type Drop uint8

const (
	DropQueueFull Drop = iota // the disk is slower than the records come
	DropSpoolFull             // MaxBytes are in use and nobody has read them
	DropDiskFull              // the system says that there is no room
	DropFailed                // writing fails for another reason
	DropTooLarge              // the record does not fit into a block
	DropClosed                // the Writer was closed before, or could not write at Close
	drops
)

// String returns the word by which metrics name the reason.
func (d Drop) String() string {
	return [drops]string{"queue_full", "spool_full", "disk_full", "write_failed", "too_large", "closed"}[d]
}

// Drops are all the reasons.
func Drops() []Drop {
	all := make([]Drop, drops)
	for i := range all {
		all[i] = Drop(i)
	}
	return all
}

// DroppedError is returned for a record that was not kept.
type DroppedError struct{ Reason Drop }

func (e *DroppedError) Error() string { return "record dropped: " + e.Reason.String() }

// dropped holds one error for each reason, so that returning one costs nothing.
var dropped = func() (all [drops]*DroppedError) {
	for i := range all {
		all[i] = &DroppedError{Drop(i)}
	}
	return all
}()

// Stats are counted since the Writer was opened.
type Stats struct {
	Appended uint64        // records taken, Dropped not among them
	Dropped  [drops]uint64 // by [Drop]
	Written  uint64        // records that have reached the file system
	Bytes    int64         // size of all segments now
	// SyncFailed is how often the disk refused to store what was written: the
	// system has thrown away what it could not store.
	SyncFailed uint64
	// Recovered tells what the Writer before this one, had it not been closed, left.
	Recovered Recovered
}

// Lost is how many records were dropped, for whatever reason.
func (s Stats) Lost() uint64 {
	var n uint64
	for _, d := range s.Dropped {
		n += d
	}
	return n
}

// counters are Stats as they are being counted.
type counters struct {
	appended   atomic.Uint64
	dropped    [drops]atomic.Uint64
	written    atomic.Uint64
	bytes      atomic.Int64
	syncFailed atomic.Uint64
}

func (c *counters) drop(d Drop, n uint64) error {
	c.dropped[d].Add(n)
	return dropped[d]
}

// dropFor is the reason that records are dropped for while err lasts.
func dropFor(err error) Drop {
	switch {
	case errors.Is(err, errSpoolFull):
		return DropSpoolFull
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return DropDiskFull
	}
	return DropFailed
}
