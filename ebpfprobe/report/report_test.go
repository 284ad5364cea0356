package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// everything is a report with a row in each table.
func everything() *report.Report {
	r := reporttest.Over(7)
	s := &r.Servers[0]
	s.Container, s.IOThreads = "3d5b0c5f2a81aa", true
	s.Clients = []report.Client{{Address: "10.0.0.7", Conns: 1, Command: s.Commands[2]}, {Address: "10.0.0.8", Conns: 2, Command: s.Commands[0]}}
	s.Prefixes = []report.Prefix{{Prefix: "session:", Command: s.Commands[0]}, {Prefix: "evil\x1b[31m\xff", Command: s.Commands[1]}}
	s.Syscalls = []report.Syscall{{Name: "read", Calls: 10, Errors: 4, Errnos: map[string]uint64{"EAGAIN": 3, "EINTR": 1}}, {Name: "fdatasync", Calls: 2}}
	s.Syscalls[0].Time.Record(1500, 10)
	s.Syscalls[1].Time.Record(400_000, 2)
	s.OffCPU = &report.OffCPU{Reasons: []report.Reason{{Name: "fdatasync", Time: s.Syscalls[1].Time}}}
	s.OffCPU.RunQueue.Record(52_000, 30)
	s.Forks = []report.Fork{{At: reporttest.Start.Add(2 * time.Second), ChildPID: 4800, StallNS: 432_000, ChildLifeNS: 61_000_000, CopyFaults: 1234}}
	s.Blame = append(s.Blame,
		report.Blame{Cause: report.CauseFsync, Times: 1, HeldMaxNS: 5e6, Waited: 1, WaitNS: 4e6, Victims: []report.Victim{{Name: "SET", Count: 1, MinNS: 4e6, MaxNS: 4e6, SumNS: 4e6}}},
		report.Blame{Cause: report.CauseFork, Times: 2, HeldMaxNS: 432_000, Waited: 9, WaitNS: 900_000},
		report.Blame{Cause: report.CauseScheduler, Times: 3, HeldMaxNS: 2e6, Waited: 2, WaitNS: 1e6, Victims: []report.Victim{{Name: "GET", Count: 2, MinNS: 900, MaxNS: 2e6, SumNS: 3e6}}},
		report.Blame{Cause: report.CauseUnknown, Times: 1, Waited: 5, WaitNS: 1e6, Victims: []report.Victim{{Name: "A", Count: 1}, {Name: "B", Count: 1}, {Name: "C", Count: 1}, {Name: "D", Count: 2}}},
	)
	r.LostEvents, r.Lost = 3, map[string]uint64{"slow batches": 3}
	r.Warnings = []string{"the server was busy, but no request of it was seen"}
	return r
}

func TestText(t *testing.T) {
	for name, r := range map[string]*report.Report{"full.txt": everything(), "plain.txt": reporttest.Over(7), "empty.txt": {DurationSeconds: 2}} {
		var b bytes.Buffer
		if err := report.Text(&b, r, report.Options{}); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 {
				t.Errorf("%s: a line of %d columns: %s", name, n, line)
			}
		}
	}
}

func TestTextTop(t *testing.T) {
	var b bytes.Buffer
	if err := report.Text(&b, everything(), report.Options{Top: 1}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"… and 2 more commands", "… and 4 more of these", "… and 1 more clients"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, &b)
		}
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, everything()); err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, b.Bytes(), "", " "); err != nil {
		t.Fatal(err)
	}
	golden(t, "full.json", indented.Bytes())
	var back report.Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	want := everything()
	want.Servers[0].Prefixes[1].Prefix = "evil\x1b[31m\ufffd" // JSON has no other bytes
	if diff := cmp.Diff(want, &back, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestContract checks the members that users have been promised.
func TestContract(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, &report.Report{DurationSeconds: 10, Servers: []report.Server{{PID: 1, Port: 6379}}}); err != nil {
		t.Fatal(err)
	}
	want := `{"schema_version":1,"start":"0001-01-01T00:00:00Z","duration_seconds":10,"lost_events":0,"servers":[{"pid":1,"port":6379,` +
		`"name":"","connections":0,"commands":[],"batches":{"count":0,"size_p50":0,"size_max":0,"size_sum":0,"sizes":[]},"blame":[]}]}` + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("an empty report (-want +got):\n%s", diff)
	}
}

// TestAppend checks that the parts of a report make the whole.
func TestAppend(t *testing.T) {
	whole, parts := reporttest.At(30), reporttest.Over(30)
	if got := len(parts.Servers[0].Series); got != 30 {
		t.Errorf("%d intervals, want 30", got)
	}
	parts.Servers[0].Series = nil
	byName := cmpopts.SortSlices(func(a, b report.Command) bool { return a.Name < b.Name })
	if diff := cmp.Diff(whole, parts, cmpopts.EquateEmpty(), byName); diff != "" {
		t.Errorf("the parts do not make the whole (-want +got):\n%s", diff)
	}
}

// TestAnsweredLater checks that the service of a request that was read in one part
// and answered in the next is in the next.
func TestAnsweredLater(t *testing.T) {
	read := reporttest.At(0)
	read.Servers[0].Commands = []report.Command{{Name: "EVAL", Count: 1}}
	read.Servers[0].Clients = []report.Client{{Address: "10.0.0.7", Command: read.Servers[0].Commands[0]}}
	read.Servers[0].Prefixes = []report.Prefix{{Prefix: "a:", Command: read.Servers[0].Commands[0]}}
	answered := reporttest.At(0)
	answered.Servers[0].Commands = []report.Command{{Name: "EVAL", Count: 1}}
	answered.Servers[0].Commands[0].Phases.Service.Record(2e8, 1)
	answered.Servers[0].Clients = []report.Client{{Address: "10.0.0.7", Command: answered.Servers[0].Commands[0]}}
	answered.Servers[0].Prefixes = []report.Prefix{{Prefix: "a:", Command: answered.Servers[0].Commands[0]}}
	var r report.Report
	r.Append(read.Since(nil))
	r.Append(answered.Since(read))
	s := &r.Servers[0]
	for _, c := range []report.Command{s.Commands[0], s.Clients[0].Command, s.Prefixes[0].Command} {
		if c.Count != 1 || c.Phases.Service.Count != 1 {
			t.Errorf("%+v, want one request and its service", c)
		}
	}
}

// TestLongSeries checks that a series stays short, its intervals equally long,
// and that none of its requests goes missing.
func TestLongSeries(t *testing.T) {
	const n = 1000
	r := reporttest.Over(n)
	s := r.Servers[0].Series
	if len(s) > 240 || len(s) < 100 {
		t.Fatalf("%d intervals of %d seconds", len(s), n)
	}
	var requests uint64
	at := 0.0
	for i, in := range s {
		if math.Abs(in.AtSeconds-at) > 1e-9 {
			t.Errorf("interval %d begins at %v, the one before ends at %v", i, in.AtSeconds, at)
		}
		if i < len(s)-1 && in.Seconds != s[0].Seconds {
			t.Errorf("interval %d is %v s long, the first is %v s", i, in.Seconds, s[0].Seconds)
		}
		at += in.Seconds
		for _, c := range in.Commands {
			requests += c.Count
		}
	}
	if at != n {
		t.Errorf("the series ends at %v s, want %d", at, n)
	}
	if want := r.Servers[0].Requests(); requests != want {
		t.Errorf("the series has %d requests, the report %d", requests, want)
	}
}

// TestRestart checks that a new process under an old name begins from nothing,
// and that both are in the report.
func TestRestart(t *testing.T) {
	before := reporttest.At(3)
	now := reporttest.At(5)
	now.Servers[0].PID = 4999
	d := now.Since(before)
	if got, want := d.Servers[0].Requests(), now.Servers[0].Requests(); got != want {
		t.Errorf("the new process has %d requests, want all of its %d", got, want)
	}
	var r report.Report
	r.Append(before.Since(nil))
	r.Append(d)
	if len(r.Servers) != 2 {
		t.Errorf("%d servers, want the old and the new", len(r.Servers))
	}
}

func TestCheck(t *testing.T) {
	var b bytes.Buffer
	err := report.Check(&b, []report.Tier{
		{Name: "lean", State: report.TierReady, Does: "arrival, read and reply of every request", Costs: "the server, 1 µs a request"},
		{Name: "deep", State: report.TierMissing, Does: "each command in a pipeline", Missing: "CAP_SYS_ADMIN", Mend: "run as root, or: setcap cap_bpf,cap_perfmon,cap_sys_admin+ep /usr/local/bin/redisprobe"},
	}, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "check.txt", b.Bytes())
}

// TestSettle checks that a charge which the probe takes back is gone from the
// report, and that what only the parts know stays.
func TestSettle(t *testing.T) {
	var r report.Report
	before := reporttest.At(2)
	before.Servers[0].Blame = append(before.Servers[0].Blame, report.Blame{Cause: report.CauseUnknown, Waited: 5, WaitNS: 5e6, Times: 1})
	r.Append(before.Since(nil))
	now := reporttest.At(3)
	now.Servers[0].Blame = append(now.Servers[0].Blame, report.Blame{Cause: report.CauseUnknown, Waited: 2, WaitNS: 2e6, Times: 1})
	r.Append(now.Since(before))
	if got := r.Servers[0].Blame[1].Waited; got != 5 {
		t.Errorf("the parts charge %d requests to nobody, want 5: what is taken back is no new charge", got)
	}
	r.Settle(now)
	if got := r.Servers[0].Blame[1].Waited; got != 2 {
		t.Errorf("settled, %d requests are charged to nobody, want 2", got)
	}
	if got := len(r.Servers[0].Series); got != 2 {
		t.Errorf("%d intervals, want 2", got)
	}
}

func TestGrouped(t *testing.T) {
	script := report.Blame{Cause: report.CauseCommand, By: "EVAL", Detail: "sha 54dd2b321bd612addd54fd4dc7b27741cec161f2", Client: "10.0.0.7:1", Times: 1, Waited: 1, WaitNS: 10, HeldMaxNS: 3e8}
	other, traced, elsewhere := script, script, script
	other.Client, other.Waited, other.WaitNS = "10.0.0.7:2", 2, 20
	traced.TraceID = reporttest.TraceID
	elsewhere.Client, elsewhere.WaitNS = "[fe80::1]:7", 100
	var got []string
	for _, b := range report.Grouped([]report.Blame{script, other, traced, elsewhere}) {
		got = append(got, b.Sentence())
	}
	want := []string{
		"1 request waited 100 ns in all behind EVAL (sha 54dd2b321bd6…) from [fe80::1]:7, which took 300 ms",
		"3 requests waited 30 ns in all behind EVAL (sha 54dd2b321bd6…) from 10.0.0.7 (2 connections), 2 times, at most 300 ms each",
		"1 request waited 10 ns in all behind EVAL (sha 54dd2b321bd6…) from 10.0.0.7:1, which took 300 ms; trace " + reporttest.TraceID,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("grouped (-want +got):\n%s", diff)
	}
}

// TestUnevenTicks checks that a clock that ticks early and late leaves as many
// intervals as there were ticks.
func TestUnevenTicks(t *testing.T) {
	var r report.Report
	at := 0.0
	for _, length := range []float64{1.1, .9, 1, .95, 1.05, 1} {
		r.Append(&report.Report{Start: reporttest.Start.Add(time.Duration(at * 1e9)), DurationSeconds: length, Servers: []report.Server{{PID: 1}}})
		at += length
	}
	if got := len(r.Servers[0].Series); got != 6 {
		t.Errorf("%d intervals, want 6: %v", got, r.Servers[0].Series)
	}
}
