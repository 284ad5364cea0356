package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A real disk that fills up, with another file that then makes room.
func TestRealFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("clew-test", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mount a small disk: %v; root can", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 700<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(disk, "spool")
	reports := make(chan error, 10)
	w := mustOpen(t, dir, Options{
		SegmentBytes: 64 << 10, MemoryBytes: 2 * blockBytes, FlushEvery: time.Millisecond,
		Report: func(err error) { reports <- err },
	})
	line := []byte(strings.Repeat("l", 10_000))
	appended := 0
	var dropped *DroppedError
	for deadline := time.Now().Add(patience); dropped == nil || dropped.Reason != DropDiskFull; appended++ {
		if err := w.Append(line); err != nil && !errors.As(err, &dropped) {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the full disk was not noticed: %+v", w.Stats())
		}
	}
	if err := <-reports; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("reported %v, want no space left", err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	mustFlush(t, w)
	mustClose(t, w)
	r := newReader(t, dir, Cursor{})
	got := len(readAll(t, r))
	s := w.Stats()
	if r.Cursor().Lost != s.Lost() || s.Lost() == 0 || uint64(got)+s.Lost() != uint64(appended) || s.Written != s.Appended {
		t.Errorf("%d appended: %d read and %d missed; %+v", appended, got, r.Cursor().Lost, s)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
