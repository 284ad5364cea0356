package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/state"
)

// patience bounds every wait of these tests, for machines with much else to do.
const patience = 90 * time.Second

// killsVar is the environment variable that says how often TestKilled kills.
const killsVar = "CLEW_TEST_KILLS"

const hookPath = "/services/T0SECRET/B0SECRET/wh0mayknow"

// rig is a daemon in a process of its own, with a page to scrape and a stand-in
// for Slack.
type rig struct {
	t      *testing.T
	dir    string
	state  string
	slack  *fakeslack.Slack
	cmd    *exec.Cmd
	ended  chan struct{}
	stderr *lockedBuffer

	mu     sync.Mutex
	values map[string]float64 // by the label series
	reads  int
}

// lockedBuffer gathers what several processes say in turn.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newRig(t *testing.T, series int, stateDir string) *rig {
	t.Helper()
	t.Parallel() // most of their time they wait
	r := &rig{t: t, dir: t.TempDir(), state: stateDir, slack: &fakeslack.Slack{}, stderr: &lockedBuffer{}, values: map[string]float64{}}
	if r.state == "" {
		r.state = filepath.Join(r.dir, "state")
	}
	for k := range series {
		r.values[fmt.Sprintf("s%02d", k)] = 10
	}
	metrics := httptest.NewServer(http.HandlerFunc(r.page))
	slack := httptest.NewServer(r.slack)
	t.Cleanup(func() {
		r.kill()
		metrics.Close()
		slack.Close()
	})
	config := fmt.Sprintf(`
listen: 127.0.0.1:0
inputs: [{scrape: {targets: [%q], interval: 100ms}}]
rules: [{name: rps, match: rps, kind: gauge, detector: ewma, z: {fire: 4, resolve: 0.2}, for: 0s, quiet: 300ms, absent: never}]
route: {receiver: slack, group_by: [series], group_wait: 50ms, group_interval: 50ms}
receivers: {slack: {slack: {webhook_file: hook, digest_over: 2}}}
state: {dir: %q, snapshot: 1s}
`, metrics.URL+"/metrics", r.state)
	for name, text := range map[string]string{"c.yaml": config, "hook": slack.URL + hookPath} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// page serves the series, which move a little so that they have a deviation.
func (r *rig) page(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	fmt.Fprintln(w, "# TYPE rps gauge")
	for _, name := range slices.Sorted(maps.Keys(r.values)) {
		fmt.Fprintf(w, "rps{series=%q} %v\n", name, r.values[name]+0.1*float64(r.reads%5))
	}
}

func (r *rig) set(name string, v float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values[name] = v
}

func (r *rig) start() {
	r.t.Helper()
	r.cmd = exec.Command("spikewatch", "run", "-c", filepath.Join(r.dir, "c.yaml"))
	r.cmd.Stderr = r.stderr
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}(r.cmd, r.ended)
}

// kill ends the process as a power cut would.
func (r *rig) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill() // it may have ended
	<-r.ended
	r.cmd = nil
}

// get asks the daemon's API; it fails while the daemon is down.
func (r *rig) get(path string, out any) error {
	raw, err := os.ReadFile(filepath.Join(r.state, "control.json"))
	if err != nil {
		return err
	}
	var control struct{ Addr string }
	if err := json.Unmarshal(raw, &control); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+control.Addr+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(out)
}

// until waits for a condition, which may fail for a while.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-poll.C {
		if ok() {
			return
		}
	}
	r.t.Fatalf("still not so: %s; the daemon says:\n%s", what, tail(r.stderr.String()))
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// open reports whether the daemon knows of an open alert of the series.
func (r *rig) open(name string) (open, known bool) {
	var got struct{ Alerts []alert.Incident }
	if r.get("/api/v1/alerts", &got) != nil {
		return false, false
	}
	for _, i := range got.Alerts {
		if i.Open() && i.Labels["series"] == name {
			return true, true
		}
	}
	return false, true
}

// learn waits until every series has a baseline, and a snapshot has it.
func (r *rig) learn() {
	r.t.Helper()
	r.until("the baselines are learnt", r.learnt)
	since := time.Now()
	r.until("and kept", func() bool {
		info, err := os.Stat(state.SnapshotPath(r.state, "all"))
		return err == nil && info.ModTime().After(since.Add(time.Second))
	})
}

func (r *rig) learnt() bool {
	var got struct{ Series []struct{ State string } }
	if r.get("/api/v1/series", &got) != nil || len(got.Series) < len(r.values) {
		return false
	}
	return !slices.ContainsFunc(got.Series, func(s struct{ State string }) bool { return s.State != "ready" })
}

// empty reports whether nothing waits to be sent.
func (r *rig) empty() bool {
	var got struct{ Outbox []alert.Entry }
	return r.get("/api/v1/outbox", &got) == nil && len(got.Outbox) == 0
}

// told is what a reader of the channel has seen of one incident's beginning or end.
type told struct{ kind, incident string }

var (
	oneIncident  = regexp.MustCompile(`(?s)"text":"(🔴|✅).*incident \*([a-z0-9]+)\*`)
	listIncident = regexp.MustCompile("(🔴|✅) `([a-z0-9]+)`")
)

// reading is what the channel shows: how often each was told, how many messages
// told something again, and how many of those without a mark.
func reading(posts []fakeslack.Post) (times map[told]int, repeats, unmarked int) {
	times = map[told]int{}
	for _, p := range posts {
		raw := string(p.Raw)
		found := listIncident.FindAllStringSubmatch(raw, -1)
		if len(found) == 0 {
			found = oneIncident.FindAllStringSubmatch(raw, -1)
		}
		again := false
		for _, m := range found {
			times[told{m[1], m[2]}]++
			again = again || times[told{m[1], m[2]}] > 1
		}
		if again {
			repeats++
		}
		if again && !strings.Contains(raw, "may be a repeat") {
			unmarked++
		}
	}
	return times, repeats, unmarked
}

// TestKilled kills the daemon with SIGKILL at random moments while Slack fails in
// every way. Each alert that the daemon has shown, and its end, must reach Slack;
// one message may come twice for a kill or a post that was cut off after it had
// arrived, and then says so. CLEW_TEST_KILLS=100
// kills a hundred times.
func TestKilled(t *testing.T) {
	kills := 10
	if s := os.Getenv(killsVar); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatalf("%s: %v", killsVar, err)
		}
	}
	series := 20 + 2*kills // none is disturbed twice, and so learns that it is usual
	r := newRig(t, series, "")
	var failing sync.Mutex
	fails, cuts := true, 0
	rng := rand.New(rand.NewPCG(rand.Uint64(), 1))
	r.slack.Fail = func(int) (int, string) {
		failing.Lock()
		defer failing.Unlock()
		if !fails {
			return 0, ""
		}
		switch n := rng.IntN(10); {
		case n < 2:
			return http.StatusInternalServerError, "rollup_error"
		case n < 3:
			return http.StatusTooManyRequests, ""
		case n < 4:
			return fakeslack.Cut, ""
		case n < 5:
			cuts++
			return fakeslack.TakenAndCut, ""
		}
		return 0, ""
	}
	r.start()
	r.learn()
	episodes := map[string]int{}
	stop, done := make(chan struct{}), make(chan struct{})
	go r.disturb(series, episodes, stop, done)
	for range kills {
		time.Sleep(time.Duration(50+rand.IntN(1500)) * time.Millisecond) // a moment that nobody chooses
		r.kill()
		r.start()
	}
	close(stop)
	r.until("the last disturbance is over", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	failing.Lock()
	fails = false
	failing.Unlock()
	r.until("everything is delivered", r.empty)
	r.judge(episodes, kills, cuts)
}

// disturb lifts one series after the other until the daemon knows, and lets it
// fall until the daemon knows that too.
func (r *rig) disturb(series int, episodes map[string]int, stop, done chan struct{}) {
	defer close(done)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	wait := func(want bool, name string) bool {
		for end := time.Now().Add(patience); time.Now().Before(end); <-poll.C {
			if open, known := r.open(name); known && open == want {
				return true
			}
		}
		r.t.Errorf("%s: the daemon never knew that its alert is open: %v", name, want)
		return false
	}
	for k := 0; ; k++ {
		select {
		case <-stop:
			return
		default:
		}
		name := fmt.Sprintf("s%02d", k%series)
		r.set(name, 1000)
		ok := wait(true, name)
		r.set(name, 10)
		if !ok || !wait(false, name) {
			return
		}
		episodes[name]++
	}
}

func (r *rig) judge(episodes map[string]int, kills, cuts int) {
	r.t.Helper()
	var got struct{ Alerts []alert.Incident }
	if err := r.get("/api/v1/alerts", &got); err != nil {
		r.t.Fatal(err)
	}
	times, repeats, unmarked := reading(r.slack.Taken())
	known, lost, all := map[string]int{}, 0, 0
	for _, i := range got.Alerts {
		if known[i.Labels["series"]]++; i.Open() {
			r.t.Errorf("incident %s of %s is still open", i.ID, i.Labels["series"])
		}
		for _, mark := range []string{"🔴", "✅"} {
			n := times[told{mark, i.ID}]
			all++
			if n == 0 {
				lost++
				r.t.Errorf("%s of incident %s, %s, was never told", mark, i.ID, i.Labels["series"])
			}
		}
	}
	for name, n := range episodes {
		if known[name] < n {
			r.t.Errorf("%s: %d alerts were shown, and %d are known", name, n, known[name])
		}
	}
	if len(episodes) == 0 {
		r.t.Error("nothing was disturbed: the test looked at nothing")
	}
	if unmarked > 0 {
		r.t.Errorf("%d messages came again without a mark", unmarked)
	}
	if repeats > kills+cuts {
		r.t.Errorf("%d messages came again, for %d kills and %d posts that were cut off after they arrived", repeats, kills, cuts)
	}
	r.t.Logf("%d kills, %d posts cut off after they arrived: %d begins and ends, %d lost, %d messages twice, %d of them unmarked",
		kills, cuts, all, lost, repeats, unmarked)
}
