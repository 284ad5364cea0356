package heapdiff

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/attach"
	"github.com/clewhq/clew/internal/peertest"
)

// fullJVM runs a JVM whose heap is full of objects. It ends with the test.
func fullJVM(t *testing.T, heap string) (*exec.Cmd, io.Writer, *bufio.Reader) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	cmd := exec.Command(peertest.Need(t, "java"), "-XX:+UseSerialGC", "-Xms"+heap, "-Xmx"+heap, "testdata/Full.java")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may be dead
		_ = cmd.Wait()         // killed
	})
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); err != nil || line != "up\n" {
		t.Fatalf("the JVM says %q, %v", line, err)
	}
	return cmd, in, said
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
	cmd, in, said := fullJVM(t, "64m")
	if _, err := io.WriteString(in, "f\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := said.ReadString('\n'); err != nil || line != "full\n" {
		t.Fatalf("the JVM says %q, %v", line, err)
	}
	dir := t.TempDir()
	_, err := Snap(t.Context(), cmd.Process.Pid, SnapOptions{Dir: dir, Keep: filepath.Join(dir, "x.hprof")})
	if !errors.Is(err, attach.ErrNoListener) || !strings.Contains(err.Error(), "-XX:+HeapDumpOnOutOfMemoryError") {
		t.Errorf("got %v, want ErrNoListener and what would help", err)
	}
	wantEmpty(t, dir)
}

// TestSnapOfTheDying: a JVM is killed while it writes its dump, and nothing of that
// is left.
func TestSnapOfTheDying(t *testing.T) {
	cmd, _, _ := fullJVM(t, "512m")
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
		_ = cmd.Process.Kill()
	}()
	_, err := Snap(ctx, cmd.Process.Pid, SnapOptions{Dir: dir, Keep: filepath.Join(dir, "x.hprof")})
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
	cmd, _, _ := fullJVM(t, "64m")
	pid, room := cmd.Process.Pid, t.TempDir()
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
