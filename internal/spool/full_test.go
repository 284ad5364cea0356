package spool

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// balky is a file on a disk that is full while the switch is on: half of what is
// to be written goes through.
type balky struct {
	*os.File
	full *atomic.Bool
}

func (b balky) WriteAt(p []byte, off int64) (int, error) {
	if !b.full.Load() {
		return b.File.WriteAt(p, off)
	}
	n, err := b.File.WriteAt(p[:len(p)/2], off)
	if err == nil {
		err = &os.PathError{Op: "write", Path: b.Name(), Err: syscall.ENOSPC}
	}
	return n, err
}

func balkyDisk(full *atomic.Bool) func(string) (file, error) {
	return func(path string) (file, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return balky{f, full}, err
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	var full atomic.Bool
	reports := make(chan error, 10)
	w := mustOpen(t, dir, Options{
		MemoryBytes: 2 * blockBytes, FlushEvery: time.Millisecond,
		open: balkyDisk(&full), Report: func(err error) { reports <- err },
	})
	mustAppend(t, w, "before")
	mustFlush(t, w)
	full.Store(true)
	// Until the ring is full nothing is lost; then every record is counted.
	big := strings.Repeat("x", blockBytes/3)
	kept := 0
	var dropped *DroppedError
	for deadline := time.Now().Add(patience); dropped == nil || dropped.Reason != DropDiskFull; {
		switch err := w.Append([]byte(big)); {
		case err == nil:
			kept++
		case !errors.As(err, &dropped):
			t.Fatal(err)
		case time.Now().After(deadline):
			t.Fatalf("the full disk was not noticed: %v", err)
		}
	}
	if err := <-reports; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("reported %v, want no space left", err)
	}
	full.Store(false)
	mustFlush(t, w)
	if err := <-reports; err != nil {
		t.Errorf("reported %v, want that it works again", err)
	}
	mustAppend(t, w, "after")
	mustClose(t, w)
	r := newReader(t, dir, Cursor{})
	got := readAll(t, r)
	if len(got) != kept+2 || got[0] != "before" || got[len(got)-1] != "after" {
		t.Errorf("%d records, want before, %d and after", len(got), kept)
	}
	s := w.Stats()
	if s.Lost() == 0 || r.Cursor().Lost != s.Lost() || s.Appended != uint64(len(got)) || s.Written != s.Appended {
		t.Errorf("reader misses %d; %+v", r.Cursor().Lost, s)
	}
}

func TestCloseOnAFullDiskNamesWhatIsLost(t *testing.T) {
	dir := t.TempDir()
	var full atomic.Bool
	w := mustOpen(t, dir, Options{open: balkyDisk(&full)})
	mustAppend(t, w, "kept")
	mustFlush(t, w)
	full.Store(true)
	mustAppend(t, w, "a", "b", "c")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := w.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), "3 records could not be written") || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close: %v", err)
	}
	if got := w.Stats().Dropped[DropClosed]; got != 3 {
		t.Errorf("%d counted as lost, want 3", got)
	}
	// What the disk has no room to say is found out by the next Writer.
	w = mustOpen(t, dir, Options{})
	if got := w.Stats().Recovered; got.Lost != 3 || !got.Unclean {
		t.Errorf("recovered %+v, want 3 lost", got)
	}
	mustClose(t, w)
	r := newReader(t, dir, Cursor{})
	if diff := cmp.Diff([]string{"kept"}, readAll(t, r)); diff != "" || r.Cursor().Lost != 3 {
		t.Errorf("reader misses %d, want 3; %s", r.Cursor().Lost, diff)
	}
}

// bounded are options for a spool of four segments of a few records each.
var bounded = Options{SegmentBytes: 1 << 10, MaxBytes: 4 << 10, MemoryBytes: 2 * blockBytes, FlushEvery: time.Millisecond}

func TestFullSpoolWaitsForItsReader(t *testing.T) {
	dir := t.TempDir()
	w := mustOpen(t, dir, bounded)
	line := strings.Repeat("y", 500)
	n := 0
	deadline := time.Now().Add(patience)
	for ; w.trouble.Load() == nil; n++ {
		mustAppend(t, w, line)
		for w.Stats().Written < uint64(n+1) && w.trouble.Load() == nil { // a write for each record
			if time.Now().After(deadline) {
				t.Fatal("the bound was not noticed")
			}
			runtime.Gosched()
		}
	}
	if got := w.Stats().Bytes; got > bounded.MaxBytes {
		t.Errorf("%d bytes on disk, want at most %d", got, bounded.MaxBytes)
	}
	r := newReader(t, dir, Cursor{})
	got := len(readAll(t, r))
	if err := r.Cursor().Save(dir); err != nil {
		t.Fatal(err)
	}
	mustFlush(t, w) // there is room now
	got += len(readAll(t, r))
	mustClose(t, w)
	if got != n || r.Cursor().Lost != 0 || w.Stats().Lost() != 0 {
		t.Errorf("%d of %d records, reader misses %d, %d dropped", got, n, r.Cursor().Lost, w.Stats().Lost())
	}
}

func TestFullSpoolDropsItsOldest(t *testing.T) {
	dir := t.TempDir()
	o := bounded
	o.DropOldest = true
	w := mustOpen(t, dir, o)
	r := newReader(t, dir, Cursor{})
	mustAppend(t, w, "first")
	mustFlush(t, w)
	if diff := cmp.Diff([]string{"first"}, readAll(t, r)); diff != "" {
		t.Fatal(diff)
	}
	const n = 100
	for range n {
		mustAppend(t, w, strings.Repeat("z", 500))
		mustFlush(t, w)
	}
	mustAppend(t, w, "last")
	mustClose(t, w)
	// The reader has the first segment open; what follows it is gone.
	got := readAll(t, r)
	if got[len(got)-1] != "last" {
		t.Errorf("the last record is %.10q", got[len(got)-1])
	}
	if lost := r.Cursor().Lost; lost == 0 || lost+uint64(len(got)) != n+1 {
		t.Errorf("%d read and %d lost of %d", len(got), lost, n+1)
	}
	// Who begins now misses nothing: it is told what there is.
	late := newReader(t, dir, Cursor{})
	if readAll(t, late); late.Cursor().Lost != 0 {
		t.Errorf("a new reader misses %d", late.Cursor().Lost)
	}
}

func TestBackPressure(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	w := mustOpen(t, t.TempDir(), Options{
		MemoryBytes: 2 * blockBytes, MaxBlock: patience, FlushEvery: time.Millisecond, open: balkyDisk(&full),
	})
	const n = 8
	appended := make(chan error, n)
	go func() {
		for range n { // two to a block
			appended <- w.Append(make([]byte, blockBytes/3))
		}
	}()
	for range 3 { // the first block may be with the disk when it holds but one
		if err := <-appended; err != nil {
			t.Fatal(err)
		}
	}
	full.Store(false)
	for range n - 3 {
		if err := <-appended; err != nil {
			t.Errorf("Append did not wait for room: %v", err)
		}
	}
	mustClose(t, w)
	if s := w.Stats(); s.Lost() != 0 || s.Written != n {
		t.Errorf("%+v", s)
	}
}

func TestPurge(t *testing.T) {
	dir := t.TempDir()
	w := mustOpen(t, dir, Options{SegmentBytes: 1 << 10})
	for range 10 {
		mustAppend(t, w, strings.Repeat("p", 600))
		mustFlush(t, w)
	}
	mustClose(t, w)
	r := newReader(t, dir, Cursor{})
	for range 5 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if freed, err := Purge(dir, r.Cursor(), time.Now().Add(-time.Hour)); err != nil || freed != 0 {
		t.Errorf("Purge of what is older than an hour: freed %d, %v", freed, err)
	}
	if freed, err := Purge(dir, r.Cursor(), time.Now().Add(time.Hour)); err != nil || freed == 0 {
		t.Errorf("Purge: freed %d, %v", freed, err)
	}
	again := newReader(t, dir, r.Cursor())
	if got := len(readAll(t, again)); got != 5 || again.Cursor().Lost != 0 {
		t.Errorf("%d records left, %d missing; want 5 and none", got, again.Cursor().Lost)
	}
}
