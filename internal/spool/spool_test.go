package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience is for conditions that come true unless something is broken.
const patience = 60 * time.Second

func mustOpen(t *testing.T, dir string, o Options) *Writer {
	t.Helper()
	w, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func mustAppend(t *testing.T, w *Writer, records ...string) {
	t.Helper()
	for _, r := range records {
		if err := w.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
}

func mustClose(t *testing.T, w *Writer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func mustFlush(t *testing.T, w *Writer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// readAll reads until there is nothing more, and returns how many are missing.
func readAll(t *testing.T, r *Reader) []string {
	t.Helper()
	var got []string
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(rec.Data))
	}
}

func newReader(t *testing.T, dir string, c Cursor) *Reader {
	t.Helper()
	r := NewReader(dir, c)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func numbered(from, to int) []string {
	var all []string
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("record %d", i))
	}
	return all
}

func TestEveryRecordInOrderOverSegmentsAndSessions(t *testing.T) {
	dir := t.TempDir()
	var want []string
	r := newReader(t, dir, Cursor{})
	var got []string
	for session := range 3 {
		w := mustOpen(t, dir, Options{SegmentBytes: 4 << 10})
		if rec := w.Stats().Recovered; rec != (Recovered{}) {
			t.Errorf("session %d recovered %+v from a closed spool", session, rec)
		}
		for i := range 20 {
			some := numbered(session*1000+i*50, session*1000+i*50+50)
			mustAppend(t, w, some...)
			mustFlush(t, w)
			want = append(want, some...)
			got = append(got, readAll(t, r)...)
		}
		mustClose(t, w)
	}
	got = append(got, readAll(t, r)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if all, _ := segments(dir); len(all) < 6 {
		t.Errorf("%d segments, want the records spread over several", len(all))
	}
	if lost := r.Cursor().Lost; lost != 0 {
		t.Errorf("%d lost, want none", lost)
	}
}

func TestIDsAreUniqueAndStay(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		w := mustOpen(t, dir, Options{})
		mustAppend(t, w, "a", "b", "c")
		mustClose(t, w)
	}
	ids := func() []string {
		r := newReader(t, dir, Cursor{})
		var ids []string
		for range 6 {
			rec, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, rec.ID())
		}
		return ids
	}
	first := ids()
	if diff := cmp.Diff(first, ids()); diff != "" {
		t.Errorf("ids changed:\n%s", diff)
	}
	slices.Sort(first)
	if n := len(slices.Compact(first)); n != 6 {
		t.Errorf("%d different ids for 6 records", n)
	}
}

func TestCursorGoesOnWhereItWasSaved(t *testing.T) {
	dir := t.TempDir()
	w := mustOpen(t, dir, Options{})
	mustAppend(t, w, numbered(0, 10)...)
	mustFlush(t, w)
	r := newReader(t, dir, Cursor{})
	for range 4 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Cursor().Save(dir); err != nil {
		t.Fatal(err)
	}
	mustClose(t, w)
	c, err := LoadCursor(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbered(4, 10), readAll(t, newReader(t, dir, c))); diff != "" {
		t.Errorf("read on (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, cursorName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCursor(dir); err == nil {
		t.Error("a damaged cursor was taken")
	}
}

func TestManyAppendWhileOneReads(t *testing.T) {
	const goroutines, each = 8, 3000
	dir := t.TempDir()
	w := mustOpen(t, dir, Options{SegmentBytes: 32 << 10, MaxBlock: patience})
	var writers sync.WaitGroup
	for g := range goroutines {
		writers.Go(func() {
			for i := range each {
				if err := w.Append(fmt.Appendf(nil, "%d/%d", g, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	closed := make(chan struct{})
	go func() {
		writers.Wait()
		mustClose(t, w)
		close(closed)
	}()
	seen := map[string]int{}
	r := newReader(t, dir, Cursor{})
	for over := false; ; {
		got := readAll(t, r)
		for _, rec := range got {
			seen[rec]++
		}
		if over {
			break
		}
		select {
		case <-closed:
			over = true // and once more
		default:
		}
	}
	if len(seen) != goroutines*each || r.Cursor().Lost != 0 {
		t.Errorf("%d different records, %d lost; want %d and none", len(seen), r.Cursor().Lost, goroutines*each)
	}
	for rec, n := range seen {
		if n != 1 {
			t.Errorf("record %q came %d times", rec, n)
		}
	}
}

func TestOneWriterAtATime(t *testing.T) {
	dir := t.TempDir()
	w := mustOpen(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open: %v, want ErrLocked", err)
	}
	mustClose(t, w)
	mustClose(t, mustOpen(t, dir, Options{}))
}

func TestUseAfterClose(t *testing.T) {
	w := mustOpen(t, t.TempDir(), Options{})
	mustClose(t, w)
	mustClose(t, w)
	var dropped *DroppedError
	if err := w.Append([]byte("late")); !errors.As(err, &dropped) || dropped.Reason != DropClosed {
		t.Errorf("Append after Close: %v", err)
	}
	if err := w.Flush(context.Background()); err != nil {
		t.Errorf("Flush after Close: %v", err)
	}
	if got := w.Stats().Lost(); got != 1 {
		t.Errorf("%d lost, want 1", got)
	}
}

func TestRecordsThatNoBlockHolds(t *testing.T) {
	dir := t.TempDir()
	w := mustOpen(t, dir, Options{})
	for _, size := range []int{0, maxRecord + 1} {
		var dropped *DroppedError
		if err := w.Append(make([]byte, size)); !errors.As(err, &dropped) || dropped.Reason != DropTooLarge {
			t.Errorf("Append of %d bytes: %v", size, err)
		}
	}
	if err := w.Append(make([]byte, maxRecord)); err != nil {
		t.Error(err)
	}
	mustClose(t, w)
	r := newReader(t, dir, Cursor{})
	if got := readAll(t, r); len(got) != 1 || len(got[0]) != maxRecord {
		t.Errorf("%d records", len(got))
	}
	if lost := r.Cursor().Lost; lost != 2 {
		t.Errorf("reader counts %d lost, want 2", lost)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, o := range map[string]Options{
		"negative": {SegmentBytes: -1},
		"memory":   {MemoryBytes: -1},
		"small":    {SegmentBytes: 1 << 20, MaxBytes: 1 << 20},
		"sync":     {Sync: 9},
	} {
		if w, err := Open(t.TempDir(), o); err == nil {
			t.Errorf("%s: taken", name)
			mustClose(t, w)
		}
	}
}
