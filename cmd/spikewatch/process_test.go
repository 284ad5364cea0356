package main

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/clewhq/clew/internal/browsertest"
)

// url is the page of the running daemon.
func (r *rig) url() string {
	r.t.Helper()
	_, after, ok := strings.Cut(r.stderr.String(), "page=")
	if !ok {
		r.t.Fatalf("the daemon does not say where its page is: %s", r.stderr.String())
	}
	page, _, _ := strings.Cut(after, "\n")
	return page
}

// TestPage looks at the page in a browser while an alert is open.
func TestPage(t *testing.T) {
	browser := browsertest.Open(t, 1280, 800)
	r := newRig(t, 3, "")
	r.start()
	r.learn()
	r.set("s02", 1000)
	r.until("the alert is open", func() bool { open, _ := r.open("s02"); return open })
	browser.Goto(r.url())
	browser.Wait(`document.querySelector('#alerts .fire') && document.querySelectorAll('#series svg polyline').length === 3`)
	for selector, want := range map[string]string{"#alerts": `series="s02"`, "#series": "firing", "#silences": "None", "#inputs": "scrape"} {
		if text := browser.Text(selector); !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", selector, want, text)
		}
	}
	r.set("s02", 10)
	browser.Wait(`!document.querySelector('#alerts .fire')`) // the page follows by itself
	if problems := browser.Problems(); problems != "" {
		t.Error(problems)
	}
	for path, want := range map[string]string{"healthz": "ok", "readyz": "ready", "metrics": `spikewatch_series{rule="rps"} 3`} {
		if got := r.fetch(path); !strings.Contains(got, want) {
			t.Errorf("/%s lacks %q:\n%s", path, want, got)
		}
	}
}

func (r *rig) fetch(path string) string {
	r.t.Helper()
	resp, err := http.Get(r.url() + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// do runs a verb of the program on the rig's configuration.
func (r *rig) do(args ...string) (string, error) {
	cmd := exec.Command("spikewatch", append(args, "-c", filepath.Join(r.dir, "c.yaml"))...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestOperate uses every verb on a running daemon.
func TestOperate(t *testing.T) {
	r := newRig(t, 3, "")
	if out, err := r.do("outbox", "ls"); err == nil || !strings.Contains(out, "spikewatch run") {
		t.Errorf("without a daemon: %s, %v", out, err)
	}
	r.start()
	r.learn()
	if out, err := r.do("run"); err == nil || !strings.Contains(out, "one daemon at a time") {
		t.Errorf("a second daemon: %s, %v", out, err)
	}
	id, err := r.do("silence", "add", `series="s00"`, "--for", "1h", "--comment", "load test")
	if err != nil {
		t.Fatal(id, err)
	}
	if out, err := r.do("silence", "ls"); err != nil || !strings.Contains(out, id) || !strings.Contains(out, "load test") {
		t.Errorf("silence ls: %s, %v", out, err)
	}
	r.set("s00", 1000)
	r.set("s01", 1000)
	r.until("the alerts are open", func() bool {
		one, _ := r.open("s00")
		two, _ := r.open("s01")
		return one && two
	})
	out, err := r.do("explain", `rps{series="s01"}`)
	for _, want := range []string{`series="s01"}`, "the value 1000 was unusual against", "rule rps, a point each", ", incident ", "█"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("explain lacks %q: %s, %v", want, out, err)
		}
	}
	for sel, want := range map[string]string{`{x="y"}`: "no series that the daemon watches matches", `rps{`: `selector "rps{"`} {
		if out, err := r.do("explain", sel); err == nil || !strings.Contains(out, want) {
			t.Errorf("explain %s: %s, %v", sel, out, err)
		}
	}
	r.until("one is told", func() bool { return len(r.slack.Taken()) == 1 })
	if text := string(r.slack.Taken()[0].Raw); strings.Contains(text, "s00") || !strings.Contains(text, "s01") {
		t.Errorf("under a silence of s00 Slack was told %s", text)
	}
	if out, err := r.do("silence", "rm", id); err != nil {
		t.Error(out, err)
	}
	r.until("the other is told", func() bool { return len(r.slack.Taken()) == 2 })
	times, _, _ := reading(r.slack.Taken())
	for what := range times {
		if out, err := r.do("absorb", what.incident); err != nil || !strings.Contains(out, "absorbed: rps") {
			t.Errorf("absorb: %s, %v", out, err)
		}
	}
	r.until("everything is delivered", r.empty)
	if out, err := r.do("outbox", "retry"); err != nil || !strings.Contains(out, "0 messages") {
		t.Errorf("outbox retry: %s, %v", out, err)
	}
	if out, err := r.do("outbox", "drop", "7"); err == nil || !strings.Contains(out, "no message 7") {
		t.Errorf("outbox drop: %s, %v", out, err)
	}
	if out, err := r.do("send-test", "slack"); err != nil || !strings.Contains(out, "took the message") {
		t.Errorf("send-test: %s, %v", out, err)
	}
	resp, err := http.Post(r.url()+"api/v1/outbox/retry", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger's request: %s, want 403", resp.Status)
	}
}

// TestReloaded changes the configuration under the daemon, badly and well.
func TestReloaded(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGHUP on windows")
	}
	r := newRig(t, 3, "")
	r.start()
	r.learn()
	config := filepath.Join(r.dir, "c.yaml")
	was, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to, say string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(strings.Replace(string(was), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		r.until("the daemon says: "+say, func() bool { return strings.Contains(r.stderr.String(), say) })
	}
	change("kind: gauge", "kind: rats", "the new configuration is refused")
	if page := r.fetch(""); !strings.Contains(page, "reload was refused") {
		t.Error("the page does not say so")
	}
	change("name: rps", "name: other", "configuration reloaded")
	r.until("the new rule judges", r.learnt)
	if got := r.fetch("metrics"); !strings.Contains(got, `spikewatch_series{rule="other"} 3`) {
		t.Errorf("after a reload:\n%s", got)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if got := r.stderr.String(); strings.Contains(got, "spikewatch run:") {
		t.Errorf("the end was not clean: %s", got)
	}
}

// TestHookNowhere has the daemon fail at its webhook in every way, ends it with
// its own dump of all goroutines, and looks for the webhook in all that it leaves.
func TestHookNowhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGQUIT on windows")
	}
	r := newRig(t, 3, "")
	r.slack.Fail = func(n int) (int, string) {
		return []int{http.StatusInternalServerError, http.StatusBadRequest, -1, http.StatusNotFound}[n%4], r.dir
	}
	r.start()
	r.learn()
	r.set("s01", 1000)
	r.until("three attempts have failed", func() bool { return len(r.slack.Posts()) >= 3 })
	var all bytes.Buffer
	for _, path := range []string{"", "metrics", "healthz", "api/v1/series", "api/v1/alerts", "api/v1/silences", "api/v1/outbox", "no such page"} {
		all.WriteString(r.fetch(path))
	}
	out, err := r.do("outbox", "ls", "--json")
	if err != nil {
		t.Fatal(out, err)
	}
	all.WriteString(out)
	if err := r.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	all.WriteString(r.stderr.String())
	if !strings.Contains(all.String(), "goroutine ") || !strings.Contains(all.String(), "spikewatch_series") {
		t.Errorf("there is no dump to look at:\n%s", tail(all.String()))
	}
	err = filepath.WalkDir(r.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"T0SECRET", "B0SECRET", "wh0mayknow"} {
		if at := bytes.Index(all.Bytes(), []byte(part)); at >= 0 {
			t.Errorf("the webhook is in what the daemon leaves: %s", all.Bytes()[max(0, at-300):at+50])
		}
	}
}
