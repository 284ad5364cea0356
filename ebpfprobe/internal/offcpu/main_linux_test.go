//go:build amd64 || arm64

package offcpu

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/peertest"
)

// workVar makes the test binary the program that is observed.
const workVar = "CLEW_TEST_WORK"

// The observed program computes on its main thread, which is all of it that runs
// while it starts; later the runtime may move it to another.
func init() {
	if os.Getenv(workVar) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(workVar) != "" {
		if err := work(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// How often and how long work sleeps.
const (
	sleeps = 20
	slept  = 3_000_000 // ns
	turns  = 100
)

// work waits for a line, then sleeps and computes on its main thread, bound to one
// CPU, and says how often a sleep took it off that CPU, again and again.
func work(in io.Reader, out io.Writer) error {
	debug.SetGCPercent(-1) // it would have the thread wait
	var cpu unix.CPUSet
	cpu.Set(0)
	if err := unix.SchedSetaffinity(0, &cpu); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		off := 0
		for range sleeps {
			off += sleep(slept)
		}
		if lines.Text() == "compute" {
			for range turns {
				spin(1_000_000)
			}
		}
		if _, err := fmt.Fprintln(out, "slept", off); err != nil {
			return err
		}
	}
	return nil
}

// sleep sleeps for some nanoseconds and returns how often that took the thread off
// its CPU, by the kernel's own count. That is not always once: where a timer fires
// before the kernel has got round to switching, as on a virtual machine that is kept
// waiting, the sleep is over before it has begun. The system calls are raw ones, in
// which the runtime of Go has no part that might sleep.
func sleep(ns int64) int {
	ts := unix.NsecToTimespec(ns)
	var before, after unix.Rusage
	_, _, _ = unix.RawSyscall(unix.SYS_GETRUSAGE, unix.RUSAGE_THREAD, uintptr(unsafe.Pointer(&before)), 0)
	_, _, _ = unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, 0, uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_GETRUSAGE, unix.RUSAGE_THREAD, uintptr(unsafe.Pointer(&after)), 0)
	return int(after.Nvcsw - before.Nvcsw)
}

// spin computes for some nanoseconds of the thread's own CPU time.
func spin(ns int64) {
	own := func() int64 {
		var ts unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // cannot fail
		return ts.Nano()
	}
	for end := own() + ns; own() < end; {
	}
}

// worker is the observed program.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T) *worker {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), workVar+"=1", "GODEBUG=asyncpreemptoff=1") // no signals between and in its sleeps
	cmd.Stderr = t.Output()
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
	return &worker{cmd, in, bufio.NewReader(out)}
}

// order has the worker begin; done waits until it is, and returns how often a sleep
// took it off its CPU.
func (w *worker) order(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(w.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (w *worker) done(t *testing.T) (off uint64) {
	t.Helper()
	if _, err := fmt.Fscanf(w.out, "slept %d\n", &off); err != nil {
		t.Fatalf("what the worker says: %v", err)
	}
	return off
}

func (w *worker) end(t *testing.T) {
	t.Helper()
	if err := w.in.Close(); err != nil {
		t.Error(err)
	}
	if err := w.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, cfg Config) *Tracer {
	t.Helper()
	peertest.NeedBPF(t)
	tr, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if lost, err := tr.Lost(); lost != 0 || err != nil {
			t.Errorf("lost %d, %v", lost, err)
		}
		if err := errors.Join(tr.Close(), tr.Close()); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func forksOf(t *testing.T, tr *Tracer, place int) []report.Fork {
	t.Helper()
	all, err := tr.Forks(place)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// field returns a number of a file of /proc whose fields are parted by spaces.
func field(t *testing.T, path string, n int) uint64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := strconv.ParseUint(strings.Fields(string(text))[n], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// faults returns how many page faults a process had for which nothing was read from a disk.
func faults(t *testing.T, pid int) uint64 {
	t.Helper()
	return field(t, fmt.Sprintf("/proc/%d/stat", pid), 9)
}

// waited returns how long the main thread of a process has waited for a CPU, in
// nanoseconds, as the scheduler counts.
func waited(t *testing.T, pid int) uint64 {
	t.Helper()
	return field(t, fmt.Sprintf("/proc/%d/task/%d/schedstat", pid, pid), 1)
}

func stop(pid int) error { return unix.Kill(pid, unix.SIGKILL) }
