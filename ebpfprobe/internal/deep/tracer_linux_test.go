//go:build amd64 || arm64

package deep

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/clewhq/clew/ebpfprobe/internal/need"
	"github.com/clewhq/clew/ebpfprobe/internal/redistest"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/peertest"
)

// start returns a Tracer for one process, in place 3.
func start(t *testing.T, pid int) *Tracer {
	t.Helper()
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	maps := map[string]*ebpf.Map{}
	for _, name := range []string{bpfMapPids, bpfMapServers} {
		if maps[name], err = ebpf.NewMap(spec.Maps[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := maps[bpfMapPids].Put(uint32(pid), uint32(3)); err != nil {
		t.Fatal(err)
	}
	tr, err := Open(maps[bpfMapPids], maps[bpfMapServers])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(tr.Close(), tr.Close(), maps[bpfMapPids].Close(), maps[bpfMapServers].Close())
		if err != nil {
			t.Error(err)
		}
	})
	return tr
}

// since returns what was timed, and what the server counted since before. What
// asks the server is counted by both, but for the last answer.
func since(t *testing.T, tr *Tracer, r *redistest.Server, before map[string]uint64) (timed map[string]*report.Durations, counted map[string]uint64) {
	t.Helper()
	counted = r.Calls()
	timed, err := tr.Table(3)
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range before {
		counted[name] -= n
	}
	return timed, counted
}

func compare(t *testing.T, timed map[string]*report.Durations, counted map[string]uint64, names ...string) {
	t.Helper()
	for _, name := range names {
		d := timed[name]
		if d == nil || d.Count == 0 || d.Count != counted[name] || d.Sum == 0 {
			t.Errorf("%s: timed %+v, want %d of them; all: %v", name, d, counted[name], timed)
		}
	}
}

func TestCommands(t *testing.T) {
	peertest.NeedBPF(t)
	r := redistest.Start(t)
	tr := start(t, r.PID)
	if err := tr.Attach(r.PID, 3); err != nil {
		t.Fatal(err)
	}
	before := r.Calls()
	var pipeline [][]string
	for range 50 {
		pipeline = append(pipeline, []string{"SET", "a", "1"}, []string{"get", "a"}, []string{"Incr", "n"})
	}
	r.Pipeline(pipeline...)
	r.Pipeline([]string{"MULTI"}, []string{"LPUSH", "l", "1"}, []string{"LPUSH", "l", "2"}, []string{"EXEC"})
	r.Do("EVAL", "for i=1,20 do redis.call('SADD', 's', i) end return 1", "0")
	r.Do("CONFIG", "GET", "maxmemory-policy")
	timed, counted := since(t, tr, r, before)
	compare(t, timed, counted, "SET", "GET", "INCR", "MULTI", "LPUSH", "EXEC", "EVAL", "SADD", "CONFIG")
	if eval, inside := timed["EVAL"], timed["SADD"]; eval != nil && inside != nil && eval.Sum <= inside.Sum {
		t.Errorf("EVAL took %d ns, the commands in it %d", eval.Sum, inside.Sum)
	}
	if len(tr.looks) != 0 {
		t.Error("the slow log is watched on")
	}
	if n, err := tr.Lost(); n != 0 || err != nil {
		t.Errorf("lost %d, %v", n, err)
	}
	if other, err := tr.Table(0); len(other) != 0 || err != nil {
		t.Errorf("nobody's place has %v, %v", other, err)
	}
}

// TestRewritten begins with commands that Redis runs, and hands to its slow log, as
// others than the client sent.
func TestRewritten(t *testing.T) {
	peertest.NeedBPF(t)
	r := redistest.Start(t)
	tr := start(t, r.PID)
	if err := tr.Attach(r.PID, 3); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.Do("SET", "a", "1", "EX", "100")
		r.Do("GETEX", "a", "EX", "100")
	}
	if len(tr.looks) == 0 {
		t.Error("settled before anything is sure")
	}
	r.Do("GET", "a")
	r.Do("GETEX", "a", "EX", "100")
	timed, counted := since(t, tr, r, nil)
	compare(t, timed, counted, "SET", "GETEX", "GET")
	if n, err := tr.Lost(); n != 0 || err != nil || len(tr.looks) != 0 {
		t.Errorf("lost %d, %v; settled: %v", n, err, len(tr.looks) == 0)
	}
}

// TestSlow times a command whose time is known.
func TestSlow(t *testing.T) {
	peertest.NeedBPF(t)
	r := redistest.Start(t, "--enable-debug-command", "yes")
	tr := start(t, r.PID)
	if err := tr.Attach(r.PID, 3); err != nil {
		t.Fatal(err)
	}
	r.Do("DEBUG", "SLEEP", "0.05")
	timed, err := tr.Table(3)
	if err != nil {
		t.Fatal(err)
	}
	if d := timed["DEBUG"]; d == nil || d.Count != 1 || d.Sum < 50e6 {
		t.Errorf("a sleep of 50 ms has %+v", d)
	}
}

// TestEncrypted names commands that came by TLS.
func TestEncrypted(t *testing.T) {
	peertest.NeedBPF(t)
	cert, key := redistest.Certificate(t)
	port := peertest.FreePort(t)
	r := redistest.Start(t, "--tls-port", fmt.Sprint(port), "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", cert, "--tls-auth-clients", "no")
	tr := start(t, r.PID)
	if err := tr.Attach(r.PID, 3); err != nil {
		t.Fatal(err)
	}
	before := r.Calls()
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true}) // its own certificate
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	replies := bufio.NewReader(conn)
	for range 10 {
		if _, err := io.WriteString(conn, "HSET h a 1\r\nHGET h a\r\n"); err != nil {
			t.Fatal(err)
		}
		for range 3 { // a number; a length and a text
			if _, err := replies.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	timed, counted := since(t, tr, r, before)
	compare(t, timed, counted, "HSET", "HGET")
}

func TestCheck(t *testing.T) {
	peertest.NeedBPF(t)
	if err := Check(); err != nil {
		t.Error(err)
	}
}

// TestOtherProgram is about a process that is no Redis.
func TestOtherProgram(t *testing.T) {
	peertest.NeedBPF(t)
	cmd := exec.CommandContext(t.Context(), "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tr := start(t, cmd.Process.Pid)
	var missing *need.Error
	if err := tr.Attach(cmd.Process.Pid, 3); !errors.As(err, &missing) || !strings.Contains(missing.What, "call()") {
		t.Errorf("attach to cat: %v", err)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Error(err)
	}
}
