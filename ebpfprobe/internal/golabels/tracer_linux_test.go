//go:build amd64 || arm64

package golabels

import (
	"errors"
	"io"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// TestEveryCommand has clients of each version of Go and each kind of binary send
// commands whose payload names their trace and span. All of them must be known
// by the number of their first byte, the long ones by any of their bytes.
func TestEveryCommand(t *testing.T) {
	for _, release := range toolchains {
		for _, b := range builds {
			t.Run(release+"/"+b.name, func(t *testing.T) {
				checkClient(t, "tcp", "127.0.0.1:0", b.make(t, "client", release))
			})
		}
	}
}

// TestOtherAddresses is about servers that clients reach by IPv6, and by IPv4 on a
// socket of IPv6.
func TestOtherAddresses(t *testing.T) {
	exe := builds[0].make(t, "client", toolchains[len(toolchains)-1])
	t.Run("ipv6", func(t *testing.T) { checkClient(t, "tcp6", "[::1]:0", exe) })
	t.Run("both", func(t *testing.T) { checkClient(t, "tcp", ":0", exe) })
}

// TestOwnThreadLocals is about a program in which C has thread-local variables of
// its own, beside Go's.
func TestOwnThreadLocals(t *testing.T) {
	b := build{cgo: true, env: []string{"CGO_CFLAGS=-O2 -DOWN_TLS"}}
	checkClient(t, "tcp", "127.0.0.1:0", b.make(t, "client", toolchains[len(toolchains)-1]))

	b.args = []string{"-ldflags=-s -w"}
	tr := open(t)
	s := watched(t, tr, "tcp", "127.0.0.1:0")
	s.run(t, tr, b.make(t, "client", toolchains[len(toolchains)-1]), "1", "3")
	refused := tr.Refused()
	if len(refused) != 1 || !strings.Contains(refused[0].Error(), "build it without -ldflags=-s") {
		t.Errorf("a stripped one was refused with %v", refused)
	}
	if st := stats(t, tr); st.Foreign != 3 || st.Named != 0 {
		t.Errorf("writes of a stripped one: %+v, want 3 foreign", st)
	}
}

func watched(t testing.TB, tr *Tracer, network, addr string) *server {
	t.Helper()
	s := serve(t, network, addr)
	if err := tr.Watch(s.port()); err != nil {
		t.Fatal(err)
	}
	return s
}

func stats(t *testing.T, tr *Tracer) Stats {
	t.Helper()
	st, err := tr.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func checkClient(t *testing.T, network, addr, exe string) {
	t.Helper()
	const goroutines, commands, lastLong = 16, 50, 43
	tr := open(t)
	s := watched(t, tr, network, addr)
	s.run(t, tr, exe, strconv.Itoa(goroutines), strconv.Itoa(commands))
	if len(s.received) != goroutines {
		t.Fatalf("%d connections, want %d", len(s.received), goroutines)
	}
	for conn, cmds := range s.received {
		first := base(t, tr, conn, cmds[0])
		for i, cmd := range cmds {
			end := cmd.offset + uint32(len(cmd.line)) - 1
			check(t, tr, conn, first+cmd.offset, cmd.line)
			if i == lastLong {
				check(t, tr, conn, first+end, cmd.line)
			}
		}
	}
	st := stats(t, tr)
	if st.Named < goroutines*commands || st.Unlabeled+st.Early != goroutines || st.Unread+st.Foreign != 0 {
		t.Errorf("of %d commands and %d without labels: %+v", goroutines*commands, goroutines, st)
	}
	if errs := tr.Refused(); len(errs) != 0 {
		t.Errorf("refused: %v", errs)
	}
}

// check looks up a byte and compares the ids with the payload's.
func check(t *testing.T, tr *Tracer, c Conn, seq uint32, line string) Write {
	t.Helper()
	w, ok, err := tr.Lookup(c, seq)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.TraceID + w.SpanID; !ok || got != line[:48] || w.Goroutine == 0 || w.PID == 0 || w.At == 0 {
		t.Fatalf("%v: command %.60q has %+v (known: %v)", c, line, w, ok)
	}
	return w
}

// TestPropagated is about the labels of package propagate, and what they tell
// beyond the ids.
func TestPropagated(t *testing.T) {
	tr := open(t)
	s := watched(t, tr, "tcp", "127.0.0.1:0")
	s.run(t, tr, build{}.make(t, "propagated", toolchains[len(toolchains)-1]))
	for conn, cmds := range s.received {
		if len(cmds) != 60 {
			t.Errorf("%d commands, want 60", len(cmds))
		}
		first := base(t, tr, conn, cmds[0])
		for _, cmd := range cmds {
			w := check(t, tr, conn, first+cmd.offset, cmd.line)
			if want := strings.Contains(cmd.line, "E"); w.Ended != want {
				t.Errorf("%s: ended %v", cmd.line, w.Ended)
			}
			if want := strings.Contains(cmd.line, "U"); w.Unsampled != want {
				t.Errorf("%s: unsampled %v", cmd.line, w.Unsampled)
			}
		}
	}
}

// TestForeign is about a client in another language, and about a process that
// runs another program after a while, or ends: what was known of it is forgotten.
func TestForeign(t *testing.T) {
	tr := open(t)
	s := watched(t, tr, "tcp", "127.0.0.1:0")
	cmd := exec.CommandContext(t.Context(), "bash", "-c", `exec 3<>/dev/tcp/127.0.0.1/$0
		echo HELLO >&3; read -r answer <&3
		echo one >&3; read -r answer <&3
		echo "$answer"; read -r line
		exec 3>&-; exec cat`, strconv.Itoa(int(s.port())))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the client is not known", func() bool { return tr.known(cmd.Process.Pid) })
	s.welcome()
	answer := make([]byte, len("OK\n"))
	if _, err := io.ReadFull(stdout, answer); err != nil || string(answer) != "OK\n" {
		t.Fatalf("the client printed %q, %v", answer, err)
	}
	if st := stats(t, tr); st.Foreign == 0 || st.Named != 0 || len(tr.Refused()) != 0 {
		t.Errorf("%+v, refused %v, want foreign ones", st, tr.Refused())
	}
	if _, err := io.WriteString(stdin, "go on\n"); err != nil {
		t.Fatal(err)
	}
	wait(t, "what was known of the program before exec is not forgotten", func() bool { return !tr.known(cmd.Process.Pid) })
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestVersion is about a version of Go whose runtime is not known.
func TestVersion(t *testing.T) {
	tr := open(t)
	s := watched(t, tr, "tcp", "127.0.0.1:0")
	exe := build{args: []string{"-ldflags=-X runtime.buildVersion=go1.99.1"}}.make(t, "client", toolchains[len(toolchains)-1])
	s.run(t, tr, exe, "1", "3")
	if errs := tr.Refused(); len(errs) != 1 || !errors.Is(errs[0], errors.ErrUnsupported) || !strings.Contains(errs[0].Error(), "go1.99.1") {
		t.Errorf("refused: %v", errs)
	}
	if st := stats(t, tr); st.Foreign != 3 || st.Named != 0 {
		t.Errorf("%+v, want 3 foreign", st)
	}
	for conn := range s.received {
		if w, ok, err := tr.Lookup(conn, 1); ok || err != nil {
			t.Errorf("nobody's byte has %+v, %v", w, err)
		}
	}
}

// TestGone is about a process that ends before it was looked at.
func TestGone(t *testing.T) {
	tr := open(t)
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	tr.introduce(cmd.Process.Pid)
	if tr.known(cmd.Process.Pid) || len(tr.Refused()) != 0 {
		t.Errorf("an ended process is known, refused: %v", tr.Refused())
	}
}

// BenchmarkPrice shows what the tier costs a Go client at each write to a server, by the
// kernel's own clock of programs: the best of the rounds, since an interrupt makes a round only
// longer. What else is sent on this host meanwhile costs next to nothing.
func BenchmarkPrice(b *testing.B) {
	exe := builds[0].make(b, "client", toolchains[len(toolchains)-1])
	tr := open(b)
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Skipf("the kernel does not measure programs for us: %v", err)
	}
	best, spent, writes := math.Inf(1), 0.0, 0.0
	for b.Loop() {
		watched(b, tr, "tcp", "127.0.0.1:0").run(b, tr, exe, "4", "500")
		st, err := tr.objects.GoSend.Stats()
		if err != nil {
			b.Fatal(err)
		}
		known, err := tr.Stats()
		if err != nil {
			b.Fatal(err)
		}
		ns, n := float64(st.Runtime.Nanoseconds()), float64(known.Named+known.Unlabeled)
		best = min(best, (ns-spent)/(n-writes))
		spent, writes = ns, n
	}
	b.ReportMetric(best, "ns/write")
	if err := stats.Close(); err != nil {
		b.Error(err)
	}
}
