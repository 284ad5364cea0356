package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/daemon"
)

const (
	// faultDelay is what the fault adds to each payment: far more than a busy
	// machine adds by itself.
	faultDelay = 2 * time.Second
	// spikeStep bounds each step of the story: to learn, to notice, to notice the end.
	spikeStep = 45 * time.Second
	// spikeQuiet is how long nothing else may come before and after the fault.
	spikeQuiet = 2 * time.Second
	// MinForSpike is the shortest demo that has this part: it takes longer than that by itself.
	MinForSpike = 10 * time.Second
	spikeRate   = 20 // payments a second, so that the slow ones find room
)

// spikeConfig has the time scale of a demo: seconds, where a real rule has minutes.
const spikeConfig = `
listen: 127.0.0.1:0
inputs: [{scrape: {targets: [%q], interval: 250ms}}]
rules:
  - {name: payment-latency, match: %s, kind: latency, quantile: 50%%, detector: ewma, z: {fire: 6, resolve: 0.5},
     for: 750ms, quiet: 1s, min: {absolute: 1}, absent: never}
route: {receiver: slack, group_wait: 100ms, group_interval: 0s}
receivers: {slack: {slack: {webhook_file: hook}}}
state: {dir: state}
`

// spike is what came of the fault.
type spike struct {
	posts []fakeslack.Post // all that came to Slack
	why   string           // why the story did not come to its end
	// told and over are how long the message and the end took to come, from the
	// fault's beginning and its end.
	told, over time.Duration
}

// runSpike makes the payment service slow for a while, and has spikewatch tell a
// Slack of the demo's own. What it misses is data for the check; an error is that
// of the shop.
func (d *Demo) runSpike(ctx context.Context, fleet *fleet, redis *service) (*spike, error) {
	branch, err := fleet.startShop(ctx, run{name: "fault", propagation: "on", silent: true}, redis)
	if err != nil {
		return nil, err
	}
	d.opts.Story.faulting(faultDelay)
	slack := &fakeslack.Slack{Every: time.Second, Burst: 1}
	channel := httptest.NewServer(slack)
	defer channel.Close()
	c, err := d.spikeConfig(branch[shop.Payment].url(), channel.URL)
	if err != nil {
		return nil, err
	}
	out := &spike{}
	paying, stop := context.WithCancel(ctx)
	paid := make(chan struct{})
	go func() {
		defer close(paid)
		l := load{url: branch[shop.Gateway].url(), prefix: "fault", rate: spikeRate, last: 4 * spikeStep}
		l.run(paying, fleet.alive, func(int) {})
	}()
	err = watching(ctx, c, func(page string) { out.tell(ctx, branch[shop.Payment].url(), page, slack) })
	stop()
	<-paid
	out.posts = slack.Posts()
	d.opts.Story.noticed(out)
	return out, errors.Join(err, context.Cause(fleet.alive), branch.stop())
}

func (d *Demo) spikeConfig(payment, channel string) (*config.Config, error) {
	dir := filepath.Join(d.scratch, "spikewatch")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "hook"), []byte(channel+"/services/T/B/demo"), 0o600); err != nil {
		return nil, err
	}
	return config.Parse(filepath.Join(dir, "demo.yaml"), fmt.Appendf(nil, spikeConfig, payment+"/metrics", shop.LatencyMetric))
}

// watching runs a spikewatch while act does.
func watching(ctx context.Context, c *config.Config, act func(page string)) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- daemon.Run(ctx, daemon.Options{
			Load: func() (*config.Config, error) { return c, nil },
			Log:  slog.New(slog.DiscardHandler), Out: io.Discard,
			Ready: func(addr string) { ready <- "http://" + addr },
		})
	}()
	select {
	case page := <-ready:
		act(page)
		stop()
		return <-ended
	case err := <-ended:
		return err
	}
}

// tell is the story: a latency that is learnt, a fault, its message, its end and
// the message about that.
func (s *spike) tell(ctx context.Context, payment, page string, slack *fakeslack.Slack) {
	taken := func(n int) func() bool { return func() bool { return len(slack.Taken()) >= n } }
	if !until(ctx, spikeStep, func() bool { return learnt(ctx, page) }) {
		s.why = "the latency was not learnt"
		return
	}
	pause(ctx, spikeQuiet)
	began := time.Now()
	if s.why = setFault(ctx, payment, faultDelay); s.why != "" {
		return
	}
	if !until(ctx, spikeStep, taken(1)) {
		s.why = "no message came about the fault"
		return
	}
	s.told = time.Since(began)
	if s.why = setFault(ctx, payment, 0); s.why != "" {
		return
	}
	began = time.Now()
	if !until(ctx, spikeStep, taken(2)) {
		s.why = "no message came about its end"
		return
	}
	s.over = time.Since(began)
	pause(ctx, spikeQuiet)
}

// until asks again and again whether something is so, and gives up after a time.
func until(ctx context.Context, within time.Duration, so func() bool) bool {
	for end := time.Now().Add(within); ctx.Err() == nil && time.Now().Before(end); pause(ctx, 50*time.Millisecond) {
		if so() {
			return true
		}
	}
	return false
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// learnt reports whether spikewatch judges the latency.
func learnt(ctx context.Context, page string) bool {
	var got struct{ Series []struct{ State string } }
	raw, err := ask(ctx, http.MethodGet, page+"/api/v1/series")
	return err == nil && json.Unmarshal(raw, &got) == nil && len(got.Series) == 1 && got.Series[0].State == "ready"
}

func setFault(ctx context.Context, payment string, d time.Duration) (why string) {
	if _, err := ask(ctx, http.MethodPut, payment+shop.FaultPath+"?delay="+url.QueryEscape(d.String())); err != nil {
		return "make the payment service slow: " + err.Error()
	}
	return ""
}

func ask(ctx context.Context, method, target string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, payTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return raw, err
}

// checkSpike passes when Slack was sent the fault and its end, and nothing else.
func checkSpike(_ context.Context, e *evidence) (Check, bool) {
	s := e.spike
	if s == nil {
		return Check{}, false
	}
	c := Check{Name: "a slow payment service is one message in Slack, and its end another"}
	if s.why != "" {
		c.Evidence = fmt.Sprintf("%s; %d posts came", s.why, len(s.posts))
		return c, true
	}
	c.OK = len(s.posts) == 2 && strings.Contains(s.posts[0].Payload.Text, "payment-latency is up") &&
		strings.Contains(s.posts[1].Payload.Text, "payment-latency is back to normal")
	for _, p := range s.posts {
		c.OK = c.OK && p.Status == http.StatusOK
	}
	c.Evidence = fmt.Sprintf("%v more a payment was told after %.1f s, its end after %.1f s, and %d posts came in all",
		faultDelay, s.told.Seconds(), s.over.Seconds(), len(s.posts))
	return c, true
}

// slack shows the messages as Slack would.
func (p *printer) slack(s *spike) {
	if s == nil || len(s.posts) == 0 {
		return
	}
	p.line("%s", p.paint(bold, "What Slack shows of a slow payment service"))
	for _, post := range s.posts {
		p.line("")
		for line := range strings.Lines(post.Payload.Show(false)) {
			p.line("  %s", cut(strings.TrimSuffix(line, "\n"), columns-2))
		}
	}
	p.line("")
}
