package goproc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/clewhq/clew/internal/peertest"
)

// toolchains are the releases that programs are built with, one for each known
// version of Go. The one that runs the tests stands for its own version.
var toolchains = map[int]string{24: "go1.24.9", 25: "go1.25.5", 26: "go1.26.8"}

// toolchain returns GOTOOLCHAIN for a version of Go.
func toolchain(t testing.TB, minor int) string {
	t.Helper()
	if l, ok := layoutOf(runtime.Version()); ok && l.minor == minor {
		return "local"
	}
	if testing.Short() {
		t.Skip("-short: only the toolchain at hand")
	}
	return peertest.GoToolchain(t, toolchains[minor])
}

// hostMinor is the version of Go that runs the tests.
func hostMinor(t testing.TB) int {
	t.Helper()
	l, ok := layoutOf(runtime.Version())
	if !ok {
		t.Skipf("the tests run on %s, whose processes can't be read", runtime.Version())
	}
	return l.minor
}

// build is a way to build the target.
type build struct {
	name  string
	flags []string
	cgo   bool
}

var builds = []build{
	{name: "plain"},
	{name: "stripped", flags: []string{"-ldflags=-s -w", "-trimpath"}},
	{name: "pie", flags: []string{"-buildmode=pie", "-ldflags=-s -w"}},
	{name: "cgo", cgo: true},
	{name: "cgo-pie", flags: []string{"-buildmode=pie", "-ldflags=-s -w"}, cgo: true},
}

func (b build) make(t testing.TB, goToolchain string, env ...string) string {
	t.Helper()
	enabled := "CGO_ENABLED=0"
	if b.cgo {
		enabled = "CGO_ENABLED=1"
		if _, err := exec.LookPath("gcc"); err != nil {
			t.Skip("no C compiler: ", err)
		}
	}
	exe := filepath.Join(t.TempDir(), "target")
	cmd := exec.Command("go", append(append([]string{"build", "-o", exe}, b.flags...), ".")...)
	cmd.Dir = "testdata/target"
	cmd.Env = append(append(os.Environ(), "GOTOOLCHAIN="+goToolchain, "GOFLAGS=", "GOWORK=off", enabled), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return exe
}

// target is a running program.
type target struct {
	cmd *exec.Cmd
	err *bytes.Buffer
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a program and waits for its first line.
func start(t testing.TB, exe string, args ...string) *target {
	t.Helper()
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), "GOTRACEBACK=system")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		end(t, cmd)
	})
	tg := &target{cmd: cmd, err: stderr, in: in, out: bufio.NewReader(out)}
	if line, err := tg.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("first line %q, %v", line, err)
	}
	return tg
}

// end kills a process, unless it has ended, and waits for it.
func end(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if cmd.ProcessState != nil {
		return
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Error(err)
	}
}

// ask sends a line and returns the answer, up to a line "end".
func (tg *target) ask(t testing.TB, line string) string {
	t.Helper()
	if _, err := io.WriteString(tg.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
	var sb strings.Builder
	for {
		l, err := tg.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if l == "end\n" {
			return sb.String()
		}
		sb.WriteString(l)
	}
}

// crash ends the program as a crash does, and returns what it says of itself.
func (tg *target) crash(t testing.TB) string {
	t.Helper()
	if err := tg.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if err := tg.cmd.Wait(); err == nil {
		t.Fatal("SIGQUIT: the program did not crash")
	}
	return tg.err.String()
}

func (tg *target) open(t testing.TB) *Process {
	t.Helper()
	p, err := Open(tg.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
