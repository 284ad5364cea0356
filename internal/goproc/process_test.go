//go:build linux && (amd64 || arm64)

package goproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSnapshotIsTheTruth compares what is read from outside with what the
// program says of itself, for each version of Go and each kind of binary.
func TestSnapshotIsTheTruth(t *testing.T) {
	for _, l := range layouts {
		t.Run(fmt.Sprintf("go1.%d", l.minor), func(t *testing.T) {
			tc := toolchain(t, l.minor)
			for _, b := range builds {
				t.Run(b.name, func(t *testing.T) {
					checkTruth(t, b.make(t, tc), fmt.Sprintf("go1.%d.", l.minor))
				})
			}
		})
	}
}

// checkTruth compares a running program, then its last words, which have every
// frame. The signal that ends it may find a goroutine on its way, elsewhere than
// the snapshot did: so a difference counts when a second and a third process of
// the same program show one too, as a wrong reader would.
func checkTruth(t *testing.T, exe, version string) {
	t.Helper()
	var diff string
	for range 3 {
		tg := start(t, exe)
		s := settled(t, tg, version)
		checkLabels(t, s)
		truth := parseStack(t, tg.crash(t))
		delete(truth, 0) // a thread's own stack
		delete(truth, 1)
		for i := range s.Goroutines {
			if g := &s.Goroutines[i]; g.System {
				delete(truth, g.ID) // still busy after the garbage collection
			}
		}
		if diff = cmp.Diff(truth, views(s, true)); diff == "" {
			return
		}
		t.Logf("program's crash (-) and the view from outside (+):\n%s", diff)
	}
	t.Error("the program's crash and the view from outside differ each time")
}

// settled waits until the goroutines have come to rest, and the two views are the
// same.
func settled(t *testing.T, tg *target, version string) *Snapshot {
	t.Helper()
	p := tg.open(t)
	if got := p.Program().GoVersion; !strings.HasPrefix(got, version) {
		t.Fatalf("built with %s, want %s", got, version)
	}
	var diff string
	var s *Snapshot
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		truth := parseStack(t, tg.ask(t, "gc"))
		var err error
		if s, err = p.Snapshot(t.Context(), Options{}); err != nil {
			t.Fatal(err)
		}
		delete(truth, 1) // it answers us
		if diff = cmp.Diff(truth, views(s, false)); diff == "" {
			break
		}
	}
	if diff != "" {
		t.Fatalf("program's own view (-) and the one from outside (+):\n%s", diff)
	}
	return s
}

func views(s *Snapshot, all bool) map[uint64]seen {
	got := map[uint64]seen{}
	for i := range s.Goroutines {
		if g := &s.Goroutines[i]; g.ID != 1 && !g.System {
			got[g.ID] = view(g, all)
		}
	}
	return got
}

// TestNeverWrong reads a program whose goroutines change their labels and stacks
// all the time. Whatever is read of one must have been true together: the
// program labels each goroutine with the function it calls next.
func TestNeverWrong(t *testing.T) {
	minor := hostMinor(t)
	tg := start(t, builds[0].make(t, toolchain(t, minor)), "churn")
	p := tg.open(t)
	seen := map[string]int{}
	for range 300 {
		s, err := p.Snapshot(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Goroutines {
			g := &s.Goroutines[i]
			if !strings.HasPrefix(g.Start.Func, "main.churn") || g.StackCut {
				if g.StackCut {
					t.Fatalf("stack cut: %+v", g)
				}
				continue
			}
			checkChurn(t, g, seen)
		}
	}
	if seen["apple"] == 0 || seen["pear"] == 0 {
		t.Errorf("no goroutine was seen in its function: %v", seen)
	}
	t.Log(seen)
}

func checkChurn(t *testing.T, g *Goroutine, seen map[string]int) {
	t.Helper()
	if g.State == Moving || g.State == Running {
		seen[string(g.State)]++
		return
	}
	label, _ := g.Label("span_id")
	var chain []string
	for _, f := range g.Stack {
		if name, ok := strings.CutPrefix(f.Func, "main."); ok {
			chain = append(chain, name)
		}
	}
	text := strings.Join(chain, " ")
	for _, fruit := range []string{"apple", "pear"} {
		if !strings.Contains(text, fruit) {
			continue
		}
		seen[fruit]++
		if label != fruit {
			t.Fatalf("goroutine %d in %s has the label of %q", g.ID, text, label)
		}
		inner, outer := strings.Count(text, fruit+"Leaf"), strings.Count(text, fruit+"Root")
		if outer != 1 || inner > 1 || strings.Contains(text, "apple") == strings.Contains(text, "pear") {
			t.Fatalf("goroutine %d is in %s", g.ID, text)
		}
	}
}

func checkLabels(t *testing.T, s *Snapshot) {
	t.Helper()
	traces := map[string]int{}
	for i := range s.Goroutines {
		if id, ok := s.Goroutines[i].Label("trace_id"); ok {
			traces[id]++
		}
	}
	want := map[string]int{"4bf92f3577b34da6a3ce929d0e0e4736": 2, "0af7651916cd43dd8448eb211c80319c": 2}
	if diff := cmp.Diff(want, traces); diff != "" {
		t.Errorf("goroutines by trace (-want +got):\n%s", diff)
	}
}

// TestBusy reads goroutines that are running, or were interrupted anywhere.
func TestBusy(t *testing.T) {
	minor := hostMinor(t)
	p := start(t, builds[0].make(t, toolchain(t, minor)), "busy").open(t)
	seen := map[State]int{}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && (seen[Running] == 0 || seen[Runnable] < 100); {
		s, err := p.Snapshot(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Goroutines {
			g := &s.Goroutines[i]
			if g.Start.Func != "main.spin" && g.Start.Func != "main.sorter" {
				continue
			}
			seen[g.State]++
			if n := len(g.Stack); g.State == Runnable && (g.StackCut || n == 0 || g.Stack[n-1].Func != g.Start.Func) {
				t.Fatalf("interrupted goroutine: %+v", g)
			}
			if g.State == Running && len(g.Stack) > 0 {
				t.Fatalf("running goroutine with a stack: %+v", g)
			}
		}
	}
	if seen[Running] == 0 || seen[Runnable] == 0 {
		t.Errorf("states seen: %v, want running and runnable", seen)
	}
}

// edited returns a copy of a program with some bytes changed.
func edited(t *testing.T, exe string, edit func([]byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "edited")
	if err := os.WriteFile(to, edit(b), 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestUnknownVersion(t *testing.T) {
	minor := hostMinor(t)
	exe := builds[0].make(t, toolchain(t, minor))
	exe = edited(t, exe, func(b []byte) []byte {
		return bytes.ReplaceAll(b, fmt.Appendf(nil, "go1.%d.", minor), []byte("go1.99."))
	})
	tg := start(t, exe)
	_, err := Open(tg.cmd.Process.Pid)
	var ve *VersionError
	if !errors.As(err, &ve) || !strings.HasPrefix(ve.Version, "go1.99.") {
		t.Errorf("error = %v, want a VersionError for go1.99", err)
	}
}

// TestWithoutSectionHeaders reads a program whose tables must be found by their
// contents.
func TestWithoutSectionHeaders(t *testing.T) {
	minor := hostMinor(t)
	exe := builds[1].make(t, toolchain(t, minor))
	exe = edited(t, exe, func(b []byte) []byte {
		clear(b[40:48]) // e_shoff
		clear(b[60:64]) // e_shnum, e_shstrndx
		return b
	})
	checkTruth(t, exe, fmt.Sprintf("go1.%d.", minor))
}

// TestThroughProcMem takes the way for containers that forbid process_vm_readv.
func TestThroughProcMem(t *testing.T) {
	p := start(t, builds[0].make(t, toolchain(t, hostMinor(t))), "10").open(t)
	want, err := p.Snapshot(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.mem.file, err = os.Open(p.dir + "/mem"); err != nil {
		t.Fatal(err)
	}
	got, err := p.Snapshot(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(views(want, true), views(got, true)); diff != "" {
		t.Errorf("process_vm_readv (-) and /proc/PID/mem (+):\n%s", diff)
	}
}

func TestNotAGoProgram(t *testing.T) {
	cmd := exec.Command("sleep", "100")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	pid := cmd.Process.Pid
	if _, err := Open(pid); !errors.Is(err, ErrNotGo) {
		t.Errorf("sleep: %v, want ErrNotGo", err)
	}
	end(t, cmd)
	if _, err := Open(pid); !errors.Is(err, ErrGone) {
		t.Errorf("after its end: %v, want ErrGone", err)
	}
}

func TestEndsWhileRead(t *testing.T) {
	tg := start(t, builds[0].make(t, toolchain(t, hostMinor(t))))
	p := tg.open(t)
	end(t, tg.cmd)
	if _, err := p.Snapshot(t.Context(), Options{}); !errors.Is(err, ErrGone) {
		t.Errorf("error = %v, want ErrGone", err)
	}
}

func TestStopsWithContext(t *testing.T) {
	p := start(t, builds[0].make(t, toolchain(t, hostMinor(t)))).open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Snapshot(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
}

func TestLimits(t *testing.T) {
	p := start(t, builds[0].make(t, toolchain(t, hostMinor(t))), "10").open(t)
	var s *Snapshot
	for end := time.Now().Add(20 * time.Second); ; {
		var err error
		if s, err = p.Snapshot(t.Context(), Options{MaxFrames: 2}); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(s.Goroutines, func(g Goroutine) bool { return !g.System && g.State != Waiting && g.ID != 1 }) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the goroutines do not come to rest")
		}
	}
	bare, err := p.Snapshot(t.Context(), Options{NoStacks: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Goroutines {
		if g := &s.Goroutines[i]; strings.HasPrefix(g.Start.Func, "main.labelled") && (len(g.Stack) != 2 || !g.StackCut) {
			t.Errorf("%d frames, cut %v; want 2, cut", len(g.Stack), g.StackCut)
		}
		if len(bare.Goroutines[i].Stack) > 0 || bare.Goroutines[i].StackCut {
			t.Errorf("a stack in spite of NoStacks: %+v", bare.Goroutines[i])
		}
	}
}
