//go:build amd64 || arm64

package syscalls

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// callsVar makes the test binary the program that is observed.
const callsVar = "CLEW_TEST_CALLS"

// The observed program works on its main thread, which is all of it that runs while
// it starts; later the runtime may move it to another. The probe takes that thread
// for the event loop of a server.
func init() {
	if os.Getenv(callsVar) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(callsVar) != "" {
		if err := makeCalls(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// want is what makeCalls does: calls that the runtime of Go does not make of itself.
var want = map[string]struct{ calls, errors int }{
	"getppid":     {1000, 0},
	"fsync":       {50, 50},
	"fdatasync":   {3, 0},
	"umask":       {7, 0},
	"chdir":       {11, 9},
	"getpriority": {5, 0},
}

// slept is how long makeCalls sleeps in getpriority's company, in nanoseconds.
const slept, sleeps = 2_000_000, 10

// makeCalls waits for a line, makes the calls of want on several threads, and
// says so, again and again.
func makeCalls(in io.Reader, out io.Writer) error {
	f, err := os.CreateTemp("", "calls")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 500 {
				unix.Getppid()
			}
		}()
		for range 500 {
			unix.Getppid()
		}
		<-done
		for range 50 {
			_ = unix.Fsync(-1) // EBADF
		}
		for range 3 {
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				return err
			}
		}
		for range 7 {
			unix.Umask(0o22)
		}
		for i := range 11 {
			dir := "."
			if i > 1 {
				dir = "/does/not/exist"
			}
			_ = unix.Chdir(dir) // ENOENT
		}
		for range 5 {
			if _, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err != nil {
				return err
			}
		}
		for range sleeps {
			ts := unix.NsecToTimespec(slept)
			_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil) // EINTR: the sleep is shorter
		}
		if _, err := fmt.Fprintln(out, "done"); err != nil {
			return err
		}
	}
	return lines.Err()
}

// program is the observed one.
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T) *program {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), callsVar+"=1")
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
	return &program{cmd, in, bufio.NewReader(out)}
}

// work has the program make its calls once.
func (p *program) work(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := p.out.ReadString('\n'); line != "done\n" {
		t.Fatalf("the program said %q, %v", line, err)
	}
}

func (p *program) end(t *testing.T) {
	t.Helper()
	if err := p.in.Close(); err != nil {
		t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
