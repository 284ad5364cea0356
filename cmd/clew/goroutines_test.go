//go:build linux && (amd64 || arm64)

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/goproc/report"
	"github.com/clewhq/clew/propagate"
)

// onSelf runs clew goroutines on the test's own process.
func onSelf(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	var o, e bytes.Buffer
	s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&o), Err: &e}
	args = append([]string{"goroutines", "-p", strconv.Itoa(os.Getpid())}, args...)
	status = cli.Run(t.Context(), run, s, args)
	return o.String(), e.String(), status
}

func documentOf(t *testing.T, args ...string) report.Document {
	t.Helper()
	out, errs, status := onSelf(t, append(args, "--json")...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	var d report.Document
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// parkUnder leaves a goroutine waiting under a span of the given trace, with
// or without a label of the user's own.
func parkUnder(t *testing.T, trace byte, sampled, labelled, ended bool) {
	t.Helper()
	cfg := oteltrace.SpanContextConfig{TraceID: [16]byte{trace}, SpanID: [8]byte{trace}}
	if sampled {
		cfg.TraceFlags = oteltrace.FlagsSampled
	}
	ctx := oteltrace.ContextWithSpanContext(t.Context(), oteltrace.NewSpanContext(cfg))
	ref := propagate.New(oteltrace.SpanFromContext(ctx), propagate.Ref{})
	stop, ready := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer ref.Enter().Leave()
		wait := func(context.Context) {
			close(ready)
			<-stop
		}
		if labelled {
			pprof.Do(propagate.NewContext(context.Background(), ref), pprof.Labels("route", "/price"), wait)
			return
		}
		wait(context.Background())
	})
	<-ready
	if ended {
		ref.End()
	}
	t.Cleanup(func() { close(stop); wg.Wait() })
}

// TestGoroutinesOfPropagate reads what package propagate leaves in a goroutine,
// beyond what its labels say: the ids of unsampled requests, and which ended.
func TestGoroutinesOfPropagate(t *testing.T) {
	if !propagate.Ambient() {
		t.Skip("goroutines carry nothing in this build")
	}
	want := map[string]string{}
	for i := range 8 {
		trace := byte(0xa0 + i)
		sampled, labelled, ended := i&1 == 0, i&2 == 0, i&4 == 0
		parkUnder(t, trace, sampled, labelled, ended)
		id := oteltrace.TraceID{trace}.String()
		want[id] = oteltrace.SpanID{trace}.String() + " " + strconv.FormatBool(!sampled) + " " + strconv.FormatBool(ended)
	}
	got := map[string]string{}
	for _, r := range documentOf(t).Requests {
		for _, g := range r.Goroutines {
			got[r.ID] = g.Trace.SpanID + " " + strconv.FormatBool(r.Unsampled) + " " + strconv.FormatBool(r.Ended)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("by trace: span, unsampled, ended (-want +got):\n%s", diff)
	}
}

func TestGoroutinesFilters(t *testing.T) {
	parkUnder(t, 0xb1, true, true, false)
	parkUnder(t, 0xb2, true, false, false)
	for _, c := range []struct {
		args     string
		requests int
		rest     bool
	}{
		{"", 2, true},
		{"--trace b1", 1, false},
		{"--by route", 1, true},
		{"--by route --trace /p", 1, false},
		{"--by route --trace /q", 0, false},
		{"--state waiting", 2, true},
		{"--state running --trace b", 0, false},
	} {
		d := documentOf(t, strings.Fields(c.args)...)
		if len(d.Requests) != c.requests || len(d.Rest) > 0 != c.rest {
			t.Errorf("%q: %d requests and %d other goroutines; want %d requests, others: %v", c.args, len(d.Requests), len(d.Rest), c.requests, c.rest)
		}
	}
	bare, all := documentOf(t), documentOf(t, "--system")
	if len(all.Rest) < len(bare.Rest)+all.System || all.System == 0 {
		t.Errorf("--system: %d others, %d without, %d of the runtime", len(all.Rest), len(bare.Rest), all.System)
	}
}

func TestGoroutinesRepeated(t *testing.T) {
	parkUnder(t, 0xc1, true, false, false)
	out, errs, status := onSelf(t, "--every", "10ms", "--count", "3", "--json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(lines) != 3 {
		t.Fatalf("status %d, %d lines, want 3: %s", status, len(lines), errs)
	}
	var last report.Document
	if err := json.Unmarshal([]byte(lines[2]), &last); err != nil {
		t.Fatal(err)
	}
	if len(last.Requests) != 1 || last.Requests[0].AtLeast < 0.02 {
		t.Errorf("requests in the third reading: %+v, want one of 20 ms or more", last.Requests)
	}
}

func TestGoroutinesText(t *testing.T) {
	parkUnder(t, 0xd1, true, true, false)
	file := filepath.Join(t.TempDir(), "out.txt")
	out, errs, status := onSelf(t, "--trace", "d1", "--stacks", "-o", file)
	if status != 0 || out != "" || errs != "" {
		t.Fatalf("status %d, stdout %q, stderr %q", status, out, errs)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"trace_id d1000000000000000000000000000000  1 goroutine",
		"span d100000000000000  chan receive\n", "label route=/price\n", "goroutines_test.go:", "created at ",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("output lacks %q:\n%s", want, b)
		}
	}
}
