package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/internal/goproc"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// example is a view with one of everything.
func example() *View {
	stack := []goproc.Frame{
		{Func: "runtime.gopark", File: "/usr/lib/go/src/runtime/proc.go", Line: 462},
		{Func: "example.com/shop/cart.(*Cart).Load", File: "/src/shop/cart/cart.go", Line: 12},
	}
	snap := &goproc.Snapshot{Goroutines: []goproc.Goroutine{
		{ID: 1, State: goproc.Waiting, WaitReason: "IO wait", Stack: stack, Start: goproc.Frame{Func: "runtime.main"}},
		{
			ID: 7, Parent: 1, State: goproc.Waiting, WaitReason: "chan receive", Waiting: 312 * time.Second, Stack: stack, StackCut: true,
			Trace:   goproc.TraceContext{TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7"},
			Labels:  []goproc.Label{{Key: "trace_id", Value: "4bf92f3577b34da6a3ce929d0e0e4736"}, {Key: "route", Value: "/price\x1b[31m"}},
			Start:   goproc.Frame{Func: "main.serve", File: "/src/shop/main.go", Line: 30},
			Creator: goproc.Frame{Func: "main.main", File: "/src/shop/main.go", Line: 20},
		},
		{
			ID: 8, Parent: 7, State: goproc.Running, Locked: true, Start: goproc.Frame{Func: "main.count", File: "/src/shop/main.go", Line: 50},
			Trace: goproc.TraceContext{TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "b7ad6b7169203331", Ended: true},
		},
		{
			ID: 9, State: goproc.Waiting, WaitReason: "select", Waiting: 2 * time.Hour, Stack: stack,
			Trace: goproc.TraceContext{TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "1111111111111111", Ended: true, Unsampled: true},
		},
		{ID: 10, State: goproc.Waiting, WaitReason: "IO wait", Stack: stack, Start: goproc.Frame{Func: "runtime.main"}, Waiting: 1500 * time.Millisecond},
		{ID: 11, State: goproc.Syscall, Stack: []goproc.Frame{{PC: 0x7f00}}},
		{ID: 12, State: goproc.Moving},
		{ID: 13, State: goproc.Waiting, System: true},
	}}
	v := &View{
		Program: goproc.Program{PID: 4711, Path: "/srv/shop", GoVersion: "go1.26.8", Modules: []string{"example.com/shop"}},
		Taken:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: 1234567 * time.Nanosecond,
		Key: goproc.TraceKey, Total: len(snap.Goroutines), System: 1, Unread: 3,
	}
	v.Requests, v.Rest = snap.Requests(goproc.TraceKey)
	return v
}

func TestText(t *testing.T) {
	for file, stacks := range map[string]bool{"text.golden": false, "stacks.golden": true} {
		var b bytes.Buffer
		if err := Text(&b, example(), stacks); err != nil {
			t.Fatal(err)
		}
		golden(t, file, b.Bytes())
	}
}

func TestDocument(t *testing.T) {
	b, err := json.MarshalIndent(NewDocument(example()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "document.golden", append(b, '\n'))
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	file = "testdata/" + file
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got), -update rewrites it:\n%s", file, diff)
	}
}

func TestEmpty(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, &View{Filtered: true, Total: 1}, false); err != nil {
		t.Fatal(err)
	}
	want := "process 0      read in 0s\n1 goroutine, 0 of the runtime; 0 requests in flight (of those that match)\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// smallDisk fails after some bytes, as a disk does.
type smallDisk struct{ left int }

var errFull = errors.New("disk full")

func (f *smallDisk) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteError(t *testing.T) {
	for left := range 2000 {
		for _, stacks := range []bool{false, true} {
			if err := Text(&smallDisk{left: left}, example(), stacks); left < 900 && !errors.Is(err, errFull) {
				t.Fatalf("after %d bytes: error %v, want that of the writer", left, err)
			}
		}
	}
}
