package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/peertest"
)

// demoRun is a demo that runs as a process, as a user starts it.
type demoRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout strings.Builder
	talk   *bufio.Scanner // its standard error
	said   strings.Builder
	temp   string // its TMPDIR
}

// startDemo starts clew demo with args; env is added to its environment.
func startDemo(t *testing.T, env []string, args ...string) *demoRun {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the demo for seconds")
	}
	clew, err := exec.LookPath("clew")
	if err != nil {
		t.Fatal(err)
	}
	d := &demoRun{t: t, temp: t.TempDir()}
	d.cmd = exec.Command(clew, append([]string{"demo"}, args...)...)
	d.cmd.Env = append(append(os.Environ(), "TMPDIR="+d.temp), env...)
	d.cmd.Stdout = &d.stdout
	talk, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.talk = bufio.NewScanner(talk)
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.cmd.Process.Kill() })
	return d
}

// until reads what the demo says until it matches, and answers what the first group matched.
func (d *demoRun) until(pattern string) string {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	for d.talk.Scan() {
		d.said.WriteString(d.talk.Text() + "\n")
		if m := re.FindStringSubmatch(d.talk.Text()); m != nil {
			return m[len(m)-1]
		}
	}
	d.t.Fatalf("the demo did not say %q but:\n%s", pattern, d.said.String())
	return ""
}

// wait waits for the demo's end and answers its exit status.
func (d *demoRun) wait() int {
	d.t.Helper()
	for d.talk.Scan() {
		d.said.WriteString(d.talk.Text() + "\n")
	}
	err := d.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	return d.cmd.ProcessState.ExitCode()
}

// demoReport is what --json promises.
type demoReport struct {
	SchemaVersion int    `json:"schema_version"`
	Requests      int    `json:"requests"`
	Complete      int    `json:"complete_traces"`
	Orphans       *int   `json:"orphan_spans"`
	Interrupted   bool   `json:"interrupted"`
	Page          string `json:"page"`
	Control       struct {
		Requests int `json:"requests"`
		Complete int `json:"complete_traces"`
		Orphans  int `json:"orphan_spans"`
	} `json:"control"`
	Checks []demoCheck `json:"checks"`
}

type demoCheck struct {
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Evidence string `json:"evidence"`
	Skipped  bool   `json:"skipped"`
}

// report reads the demo's standard output, which must be one JSON document.
func (d *demoRun) report() demoReport {
	d.t.Helper()
	var r demoReport
	dec := json.NewDecoder(strings.NewReader(d.stdout.String()))
	if err := dec.Decode(&r); err != nil {
		d.t.Fatalf("%v in %q; it said:\n%s", err, d.stdout.String(), d.said.String())
	}
	if rest, _ := io.ReadAll(dec.Buffered()); strings.TrimSpace(string(rest)) != "" {
		d.t.Errorf("more than one document: %q", rest)
	}
	return r
}

// wantWhole checks the main promise: every payment one whole trace, nothing lost, every check passed.
func (d *demoRun) wantWhole(r demoReport) {
	d.t.Helper()
	if r.SchemaVersion != 1 || r.Requests == 0 || r.Complete != r.Requests || r.Orphans == nil || *r.Orphans != 0 {
		d.t.Errorf("report %s", d.stdout.String())
	}
	if len(r.Checks) == 0 {
		d.t.Error("no checks")
	}
	for _, c := range r.Checks {
		if !c.OK || c.Name == "" || c.Evidence == "" {
			d.t.Errorf("check %+v", c)
		}
	}
}

// wantClean checks that nothing of the demo is left.
func (d *demoRun) wantClean() {
	d.t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		left := descendants(d.t, "TMPDIR="+d.temp)
		files, err := os.ReadDir(d.temp)
		if err != nil {
			d.t.Fatal(err)
		}
		if len(left) == 0 && len(files) == 0 {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("left behind: processes %q, files %v", left, files)
		}
		time.Sleep(10 * time.Millisecond) // nobody tells when the processes of a dead parent end
	}
}

func TestDemo(t *testing.T) {
	for _, port := range []string{"7070", "4317", "4318"} {
		ln, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil { // else somebody else has it: as good
			defer func() { _ = ln.Close() }()
		}
	}
	d := startDemo(t, nil, "--json", "--for", "10s")
	if status := d.wait(); status != 0 {
		t.Errorf("exit status %d; it said:\n%s", status, d.said.String())
	}
	r := d.report()
	d.wantWhole(r)
	if r.Control.Requests == 0 || r.Control.Complete != 0 || r.Control.Orphans < r.Control.Requests {
		t.Errorf("control %+v", r.Control)
	}
	if !slices.ContainsFunc(r.Checks, func(c demoCheck) bool { return strings.HasPrefix(c.Name, "heapdiff names") }) {
		t.Errorf("no check of the ledger's heap: %+v", r.Checks)
	}
	if r.Interrupted || strings.HasSuffix(r.Page, ":7070") {
		t.Errorf("page %s, interrupted %v", r.Page, r.Interrupted)
	}
	d.wantClean()
	t.Run("redisprobe", func(t *testing.T) {
		peertest.Need(t, "redis")
		peertest.NeedBPF(t)
		i := slices.IndexFunc(r.Checks, func(c demoCheck) bool { return strings.HasPrefix(c.Name, "redisprobe blames") })
		if i < 0 || r.Checks[i].Skipped {
			t.Errorf("redisprobe did not watch: %+v", r.Checks)
		}
	})
}

// Without a redis-server the demo brings its own Redis; nor does it need a home directory.
func TestDemoWithoutRedisServer(t *testing.T) {
	d := startDemo(t, []string{"PATH=" + t.TempDir(), "HOME=", "NO_COLOR=1"}, "--for", "3s", "--addr", "127.0.0.1:0")
	if status := d.wait(); status != 0 {
		t.Errorf("exit status %d; it said:\n%s", status, d.said.String())
	}
	if out := d.stdout.String(); !strings.Contains(out, "built-in: no redis-server in PATH") || strings.Contains(out, "\x1b") {
		t.Errorf("report:\n%s", out)
	}
	d.wantClean()
}

func TestDemoInterrupted(t *testing.T) {
	d := startDemo(t, nil, "--json", "--for", "1m", "--addr", "127.0.0.1:0")
	awaitPayment(t, d.until(`page +(http://\S+)`))
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if status := d.wait(); status != 0 {
		t.Errorf("exit status %d; it said:\n%s", status, d.said.String())
	}
	r := d.report()
	d.wantWhole(r)
	if !r.Interrupted || r.Control.Requests != 0 {
		t.Errorf("interrupted %v, control %+v", r.Interrupted, r.Control)
	}
	d.wantClean()
}

// awaitPayment waits until the page lists a payment.
func awaitPayment(t *testing.T, page string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		resp, err := client.Get(page)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "POST /pay") {
			return
		}
		time.Sleep(20 * time.Millisecond) // the page has no way to tell
	}
	t.Fatal("no payment on the page")
}

func TestDemoKilled(t *testing.T) {
	d := startDemo(t, nil, "--for", "1m", "--addr", "127.0.0.1:0")
	d.until(`pids +gateway`)
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.wait()
	d.wantClean()
}

// A service that dies ends the demo with its name, at once.
func TestDemoServiceDies(t *testing.T) {
	d := startDemo(t, nil, "--for", "1m", "--addr", "127.0.0.1:0")
	var pid int
	if _, err := fmt.Sscan(d.until(`payment (\d+)`), &pid); err != nil {
		t.Fatal(err)
	}
	payment, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := payment.Kill(); err != nil {
		t.Fatal(err)
	}
	if status := d.wait(); status != 2 {
		t.Errorf("exit status %d", status)
	}
	if want := fmt.Sprintf("clew demo: the payment service (pid %d) ended: signal: killed", pid); !strings.Contains(d.said.String(), want) {
		t.Errorf("it said:\n%s\nwant %q", d.said.String(), want)
	}
	d.wantClean()
}

// A port that was asked for is not silently another one.
func TestDemoAddrTaken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	d := startDemo(t, nil, "--for", "3s", "--addr", ln.Addr().String())
	if status := d.wait(); status != 2 || !strings.Contains(d.said.String(), "listen for the page") {
		t.Errorf("exit status %d; it said:\n%s", status, d.said.String())
	}
}
