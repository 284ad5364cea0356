package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/cli/clitest"
)

// TestMain offers the scripts the program, and as madeup the program with a
// server that is made up.
func TestMain(m *testing.M) {
	clitest.Main(m, map[string]func(){
		"redisprobe": main,
		"madeup":     func() { cli.Exec(program(&madeUp{})) },
	})
}

func TestScripts(t *testing.T) { clitest.Scripts(t) }

func TestDocs(t *testing.T) { clitest.Docs(t, command(cli.Streams{}, kernel{})) }

// madeUp is a backend whose servers live one second with every reading of the
// probe.
type madeUp struct {
	mu   sync.Mutex
	cfg  ebpfprobe.Config // of the last Start
	read int              // readings that have begun a second
}

func (m *madeUp) Start(_ context.Context, cfg ebpfprobe.Config) (probe, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cfg, m.read = cfg, 0
	if len(cfg.PIDs) == 1 && cfg.PIDs[0] == 99 {
		return nil, &ebpfprobe.Unavailable{Doing: "load the socket programs", What: "CAP_BPF", Mend: "run as root", Privilege: true}
	}
	return m, nil
}

func (m *madeUp) Report() (*report.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.cfg.PIDs) == 1 && m.cfg.PIDs[0] == 98 { // nobody there
		return &report.Report{SchemaVersion: 1, Start: reporttest.Start, DurationSeconds: 1}, nil
	}
	r := reporttest.At(m.read)
	m.read++
	if m.cfg.Syscalls || m.cfg.SyscallsOnly {
		r.Servers[0].Syscalls = []report.Syscall{{Name: "read", Calls: 3}}
		r.Servers[0].Syscalls[0].Time.Record(1500, 3)
	}
	return r, nil
}

func (*madeUp) Close() error { return nil }

func (*madeUp) Check(context.Context) ([]report.Tier, error) {
	if os.Getenv("MADEUP_LEAN") != "" {
		return []report.Tier{{Name: "lean", State: report.TierMissing, Missing: "CAP_BPF", Mend: "run as root"}}, nil
	}
	return reporttest.At(1).Tiers, nil
}

// TestWatch checks that the parts that watch hands out make the whole, to the
// last reading at the end of its context.
func TestWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := &madeUp{}
	p, err := m.Start(ctx, ebpfprobe.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var total report.Report
	n := 0
	final, err := watch(ctx, p, time.Millisecond, 0, func(part *report.Report) error {
		if n++; n == 5 {
			cancel()
		}
		total.Append(part)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(reporttest.At(m.read-1), final); diff != "" || m.read < 6 {
		t.Errorf("after %d readings the last is (-want +got):\n%s", m.read, diff)
	}
	if got, want := total.Servers[0].Requests(), final.Servers[0].Requests(); got != want || got == 0 {
		t.Errorf("the parts have %d requests, the whole %d", got, want)
	}
}

// TestKilledRecorder kills a recorder as kill -9 does: what it has written is
// replayed, with a word about where it ends.
func TestKilledRecorder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "killed.rec")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	madeup := filepath.Join(t.TempDir(), "madeup") // by its name the test binary is a program
	if err := os.Symlink(self, madeup); err != nil {
		t.Skipf("no symbolic link to be had: %v", err)
	}
	cmd := exec.Command(madeup, "record", "-q", "--every", "5ms", "-o", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "recording", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 8192
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	var out bytes.Buffer
	var talk said
	s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&out), Err: &talk}
	if got := cli.Run(t.Context(), program(&madeUp{}), s, []string{"replay", "--json", file}); got != 0 {
		t.Errorf("status %d: %s", got, &talk)
	}
	var r report.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Servers) != 1 || r.Servers[0].Requests() == 0 || r.Servers[0].Requests() != reporttest.At(int(r.DurationSeconds)).Servers[0].Requests() {
		t.Errorf("%v s with %d requests", r.DurationSeconds, r.Servers[0].Requests())
	}
	if !strings.Contains(talk.String(), "the recording is not whole") || !strings.Contains(talk.String(), "at offset ") {
		t.Errorf("it says %q", &talk)
	}
}

// TestIncident replays a recording that was made by an earlier build.
func TestIncident(t *testing.T) {
	var out bytes.Buffer
	var talk said
	s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&out), Err: &talk}
	if got := cli.Run(t.Context(), program(kernel{}), s, []string{"replay", filepath.Join("testdata", "incident.rec")}); got != 0 || talk.String() != "" {
		t.Fatalf("status %d: %s", got, &talk)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "incident.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("incident.rec is told otherwise (-want +got):\n%s", diff)
	}
}
