package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/notify"
	"github.com/clewhq/clew/zscore/source"
	"github.com/clewhq/clew/zscore/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// direct hands requests to a handler without a network, for fake time.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

// parse reads a configuration whose receiver slack has a webhook, and whose state
// is in dir.
func parse(t *testing.T, dir, more string) *config.Config {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "hook"), []byte("http://slack.example/services/T/B/x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse(filepath.Join(dir, "spikewatch.yaml"), []byte(more+`
receivers: {slack: {slack: {webhook_file: hook}}}
state: {dir: state}
`))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const oneRule = `
inputs: [{remote_write: {listen: "127.0.0.1:0"}}]
rules: [{name: rps, match: "rps", kind: rate, detector: ewma, for: 45s, explain: {by: [route], exemplars: 2, trace_url: "https://t.example/{trace_id}"}}]
route: {receiver: slack}
`

// bench is a watcher with a book and a stand-in for Slack, without inputs.
type bench struct {
	*watcher

	t     *testing.T
	dir   string
	db    *state.DB
	slack *fakeslack.Slack
	stop  func()
}

func quietLog() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// newBench starts what a daemon starts, on the state in dir.
func newBench(t *testing.T, dir, yaml string, slack *fakeslack.Slack) *bench {
	t.Helper()
	c := parse(t, dir, yaml)
	db, err := state.Open(c.State.Dir)
	if err != nil {
		t.Fatal(err)
	}
	book, err := alert.Open(db, c.Alerts, quietLog())
	if err != nil {
		t.Fatal(err)
	}
	restored, err := readBaselines(c.State.Dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWatcher(c, book, restored, quietLog(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan struct{})
	to := c.Receivers[0].Build(config.Building{Client: &http.Client{Transport: direct{slack}}, Style: notify.Style{Zone: c.Zone}, Receipts: db})
	go func() {
		defer close(sent)
		notify.Deliver(ctx, book, "slack", to, c.Receivers[0].Pace)
	}()
	b := &bench{watcher: w, t: t, dir: c.State.Dir, db: db, slack: slack}
	b.stop = func() {
		cancel()
		<-sent
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	return b
}

// bring hands in one value of each series, named by a route.
func (b *bench) bring(values map[string]float64) {
	b.t.Helper()
	batch := source.Batch{Input: "test"}
	for route, v := range values {
		batch.Samples = append(batch.Samples, source.Sample{
			Labels: source.NewLabels(source.Label{Name: source.NameLabel, Value: "rps"}, source.Label{Name: "route", Value: route}),
			Time:   time.Now(), Value: v, Type: source.Gauge,
			Exemplars: []source.Exemplar{{TraceID: fmt.Sprintf("%032x", b.len()), Value: v}},
		})
	}
	if err := b.take(b.t.Context(), batch); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) len() int { return int(time.Now().Unix()) }

// pass lets time pass as the daemon does, with values every 15 s; a nil map is silence.
func (b *bench) pass(d time.Duration, values func() map[string]float64) {
	b.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if time.Now().Unix()%15 == 0 {
			if v := values(); v != nil {
				b.bring(v)
			}
		}
		b.tick()
		b.book.Tick(time.Now())
		time.Sleep(time.Second)
	}
}

// texts are the headlines that Slack has taken.
func (b *bench) texts() []string {
	var out []string
	for _, p := range b.slack.Taken() {
		out = append(out, p.Payload.Text)
	}
	return out
}
