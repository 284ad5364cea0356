package heapdiff

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/clewhq/clew/heapdiff/internal/attach"
	"github.com/clewhq/clew/heapdiff/internal/jvmtest"
)

func TestSnap(t *testing.T) {
	if testing.Short() {
		t.Skip("starts JVMs")
	}
	for _, collector := range []string{"Serial", "G1"} {
		t.Run(collector, func(t *testing.T) {
			pid := jvmtest.Start(t, jvmtest.Options{Flags: []string{"-XX:+Use" + collector + "GC"}}).PID
			dir := filepath.Join(t.TempDir(), "a 'name' = \\ with,all")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			keep := filepath.Join(dir, "x.hprof")
			s, err := Snap(context.Background(), pid, SnapOptions{Keep: keep, Dir: dir, Options: Options{Shallow: true}})
			if err != nil {
				t.Fatal(err)
			}
			if s.Generations != GenerationsExact || s.Collector != collector || s.Objects < 1000 || len(s.Warnings) > 0 {
				t.Errorf("got %s, %s, %d objects, %q", s.Generations, s.Collector, s.Objects, s.Warnings)
			}
			again := mustRead(t, keep, Options{})
			if again.Generations != GenerationsExact || again.Objects != s.Objects {
				t.Errorf("the dump that was kept: %s, %d objects, want %d", again.Generations, again.Objects, s.Objects)
			}
			mapText, err := os.ReadFile(MapBeside(keep))
			if err != nil || strings.Contains(string(mapText), "PATH=") || strings.Contains(string(mapText), "Sleeper") {
				t.Errorf("the map that was kept holds more than the heap: %v\n%s", err, mapText)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
				t.Errorf("left in the directory: %v, %v", left, err)
			}
			whole, err := Read(context.Background(), fmt.Sprintf("pid:%d", pid), Options{})
			if err != nil || !whole.Reached || whole.LiveObjects == 0 {
				t.Errorf("read by pid: %v", err)
			}
		})
	}
}

func TestSnapRefuses(t *testing.T) {
	if _, err := Snap(context.Background(), os.Getpid(), SnapOptions{}); !errors.Is(err, attach.ErrNotHotSpot) {
		t.Errorf("this process: got %v", err)
	}
	if _, err := Read(context.Background(), "pid:x", Options{}); err == nil || !strings.Contains(err.Error(), "number of a process") {
		t.Errorf("pid:x: got %v", err)
	}
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	pid := jvmtest.Start(t, jvmtest.Options{}).PID
	dir := t.TempDir()
	if _, err := Snap(context.Background(), pid, SnapOptions{Dir: filepath.Join(dir, "none")}); err == nil || !strings.Contains(err.Error(), "--dump-dir") {
		t.Errorf("a directory that is not there: got %v", err)
	}
	if _, err := Snap(context.Background(), pid, SnapOptions{Dir: dir + "/\""}); err == nil || !strings.Contains(err.Error(), "quote") {
		t.Errorf("a directory with a quote: got %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil { // it will not answer any more
		t.Fatal(err)
	}
	dying, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	if _, err := Snap(dying, pid, SnapOptions{Dir: dir}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a JVM that is stopped: got %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Snap(ctx, pid, SnapOptions{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// TestKeepWithoutMap: the map of an earlier dump of the same name does not stay to
// be taken for that of this one.
func TestKeepWithoutMap(t *testing.T) {
	dir := t.TempDir()
	dump, to := filepath.Join(dir, "jvm.hprof"), filepath.Join(dir, "kept.hprof")
	for _, name := range []string{dump, MapBeside(to)} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // with an old map, and without
		if err := keep(dump, to, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(MapBeside(to)); !os.IsNotExist(err) {
			t.Errorf("the map of another dump is there: %v", err)
		}
	}
}

// TestAwaitBegin: the counters are read when the first part of a dump is there.
func TestAwaitBegin(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a JVM")
	}
	vm, err := attach.Open(t.Context(), jvmtest.Start(t, jvmtest.Options{}).PID)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	part := filepath.Join(dir, "x.hprof"+firstPart)
	if got := awaitBegin(vm, part)(); got != "" {
		t.Errorf("without a part: %q", got)
	}
	for _, name := range []string{"x.hprof", "x.hprof.p0", "x.hprof.p1", "other.hprof"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := awaitBegin(vm, part)(); !strings.Contains(got, "sun.gc.collector.0.invocations=") {
		t.Errorf("with a part: %q", got)
	}
	if err := removeParts(dir, "x.hprof"); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "other.hprof" {
		t.Errorf("left: %v, %v", left, err)
	}
}
