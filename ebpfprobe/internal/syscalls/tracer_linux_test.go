//go:build amd64 || arm64

package syscalls

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/peertest"
)

func open(t *testing.T) *Tracer {
	t.Helper()
	peertest.NeedBPF(t)
	tr, err := Open(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(tr.Close(), tr.Close()); err != nil {
			t.Error(err)
		}
	})
	return tr
}

func table(t *testing.T, tr *Tracer, place int) map[string]report.Syscall {
	t.Helper()
	calls, err := tr.Table(place)
	if err != nil {
		t.Fatal(err)
	}
	if lost, err := tr.Lost(); lost != 0 || err != nil {
		t.Errorf("lost %d calls, %v", lost, err)
	}
	byName := map[string]report.Syscall{}
	for i, c := range calls {
		if i > 0 && c.Time.Sum > calls[i-1].Time.Sum {
			t.Errorf("%s is below %s, with more time", c.Name, calls[i-1].Name)
		}
		byName[c.Name] = c
	}
	return byName
}

// TestKnownCalls has a program make calls whose number and errors are known, while
// another, of which nothing may be counted, makes them too.
func TestKnownCalls(t *testing.T) {
	tr := open(t)
	p, stranger := start(t), start(t)
	if err := tr.Watch(p.cmd.Process.Pid, 5); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		p.work(t)
		stranger.work(t)
	}
	got := table(t, tr, 5)
	for name, w := range want {
		if c := got[name]; c.Calls != uint64(2*w.calls) || c.Errors != uint64(2*w.errors) {
			t.Errorf("%s: %d calls, %d errors, want %d and %d", name, c.Calls, c.Errors, 2*w.calls, 2*w.errors)
		}
	}
	if e := got["chdir"].Errnos; len(e) != 1 || e["ENOENT"] != 18 {
		t.Errorf("chdir failed with %v", e)
	}
	if e := got["fsync"].Errnos; len(e) != 1 || e["EBADF"] != 100 {
		t.Errorf("fsync failed with %v", e)
	}
	sleep := got["clock_nanosleep"]
	if whole := sleep.Calls - sleep.Errors; sleep.Calls < 2*sleeps || sleep.Time.Sum < whole*slept || sleep.Time.Max < slept {
		t.Errorf("%d sleeps of %v took %v, the longest %v", sleep.Calls, time.Duration(slept),
			time.Duration(sleep.Time.Sum), time.Duration(sleep.Time.Max))
	}
	if other := table(t, tr, 4); len(other) != 0 {
		t.Errorf("nobody's place has %v", other)
	}
	checkSums(t, tr, got)
	p.end(t)
	stranger.end(t)
}

// checkSums compares what the lean tier is told of the main thread with the table.
func checkSums(t *testing.T, tr *Tracer, got map[string]report.Syscall) {
	t.Helper()
	var s bpfServer
	if err := tr.objects.Servers.Lookup(uint32(5), &s); err != nil {
		t.Fatal(err)
	}
	if all := got["fsync"].Time.Sum + got["fdatasync"].Time.Sum; s.Fsync != all {
		t.Errorf("the sum of fsync is %d, that of the table %d", s.Fsync, all)
	}
	if s.Forked != 0 {
		t.Errorf("%d ns in fork, without one", s.Forked)
	}
}

// TestAgainstStrace counts the same calls of the same process as strace -c does.
func TestAgainstStrace(t *testing.T) {
	strace := peertest.Need(t, "strace")
	tr := open(t)
	p := start(t)
	if err := tr.Watch(p.cmd.Process.Pid, 0); err != nil {
		t.Fatal(err)
	}
	before := table(t, tr, 0)
	summary := t.TempDir() + "/summary"
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-c", "-w", "-o", summary, "-p", strconv.Itoa(p.cmd.Process.Pid))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	messages := bufio.NewReader(stderr)
	if line, err := messages.ReadString('\n'); !strings.Contains(line, "attached") {
		t.Fatalf("strace said %q, %v", line, err)
	}
	p.work(t)
	after := table(t, tr, 0)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	if _, err := messages.WriteTo(&rest); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it ends by the signal
	truth := parseStrace(t, summary)
	for name := range want {
		s := truth[name]
		if got := after[name]; got.Calls-before[name].Calls != s.calls || got.Errors-before[name].Errors != s.errors || s.calls == 0 {
			t.Errorf("%s: %d calls, %d errors, strace has %d and %d (%s)", name, got.Calls, got.Errors, s.calls, s.errors, rest.String())
		}
	}
	p.end(t)
}

type counts struct{ calls, errors uint64 }

// parseStrace reads the table of strace -c: "% time, seconds, usecs/call, calls,
// errors, syscall", in which errors may be left out.
func parseStrace(t *testing.T, path string) map[string]counts {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]counts{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		calls, err := strconv.ParseUint(f[3], 10, 64)
		if err != nil {
			continue // a heading
		}
		c := counts{calls: calls}
		if len(f) == 6 {
			if c.errors, err = strconv.ParseUint(f[4], 10, 64); err != nil {
				t.Errorf("strace's line %q: %v", line, err)
			}
		}
		all[f[len(f)-1]] = c
	}
	return all
}
