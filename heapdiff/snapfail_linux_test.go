package heapdiff

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/attach"
	"github.com/clewhq/clew/heapdiff/internal/jvmtest"
)

// fullJVM runs a JVM whose heap is full of objects.
func fullJVM(t *testing.T, heap string) *jvmtest.JVM {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	return jvmtest.Start(t, jvmtest.Options{Program: "Full", Flags: []string{"-XX:+UseSerialGC", "-Xms" + heap, "-Xmx" + heap}})
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// TestSnapOutOfMemory: a JVM that has not a byte left cannot answer, and it is said
// why, and what would help.
func TestSnapOutOfMemory(t *testing.T) {
	vm := fullJVM(t, "64m")
	vm.Say(t, "f")
	vm.Hear(t, "full")
	dir := t.TempDir()
	_, err := Snap(t.Context(), vm.PID, SnapOptions{Dir: dir, Keep: filepath.Join(dir, "x.hprof")})
	if !errors.Is(err, attach.ErrNoListener) || !strings.Contains(err.Error(), "-XX:+HeapDumpOnOutOfMemoryError") {
		t.Errorf("got %v, want ErrNoListener and what would help", err)
	}
	wantEmpty(t, dir)
}

// TestSnapOfTheDying: a JVM is killed while it writes its dump, and nothing of that
// is left.
func TestSnapOfTheDying(t *testing.T) {
	vm := fullJVM(t, "512m")
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go func() {
		for ctx.Err() == nil { // the JVM tells nobody when it begins to write
			if files, err := os.ReadDir(dir); err == nil && len(files) > 0 {
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
		vm.Kill()
	}()
	_, err := Snap(ctx, vm.PID, SnapOptions{Dir: dir, Keep: filepath.Join(dir, "x.hprof")})
	if err == nil || ctx.Err() != nil {
		t.Fatalf("got %v, want an error at once", err)
	}
	if !errors.Is(err, attach.ErrGone) && !strings.Contains(err.Error(), "the JVM broke off in the midst of GC.heap_dump; it has probably ended") {
		t.Errorf("the error does not say what happened: %v", err)
	}
	wantEmpty(t, dir)
}

// smallDisk is a disk of so many MiB.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestSnapOnAFullDisk: the disk fills under the JVM's dump, under the copy that is
// kept, and under what is unpacked.
func TestSnapOnAFullDisk(t *testing.T) {
	small := smallDisk(t, "1m")
	vm := fullJVM(t, "64m")
	pid, room := vm.PID, t.TempDir()
	_, err := Snap(t.Context(), pid, SnapOptions{Dir: small})
	if err == nil || !strings.Contains(err.Error(), "No space left on device (--dump-dir") {
		t.Errorf("no room for the JVM: got %v", err)
	}
	_, err = Snap(t.Context(), pid, SnapOptions{Dir: room, Keep: filepath.Join(small, "x.hprof"), Options: Options{Shallow: true}})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "x.hprof") {
		t.Errorf("no room for what is kept: got %v", err)
	}
	wantEmpty(t, small)
	wantEmpty(t, room)

	dump := filepath.Join(room, "y.hprof")
	if _, err := Snap(t.Context(), pid, SnapOptions{Dir: room, Keep: dump, Options: Options{Shallow: true}}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dump)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // read only
	if _, err := Read(t.Context(), "-", Options{Stdin: f, TempDir: small}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "--temp-dir") {
		t.Errorf("no room for what comes by pipe: got %v", err)
	}
	if _, err := Read(t.Context(), dump, Options{TempDir: small, MaxMem: 1}); err == nil || !strings.Contains(err.Error(), "--temp-dir") {
		t.Errorf("no room for the tables: got %v", err)
	}
	wantEmpty(t, small)
}
