package daemon

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/source"
)

// steady is a series that hardly moves, times a factor.
func steady(factor float64) func() map[string]float64 {
	rng := rand.New(rand.NewPCG(3, 4))
	return func() map[string]float64 { return map[string]float64{"/pay": factor * (100 + rng.NormFloat64())} }
}

// TestSpikeToSlack measures from the moment a value goes up, just after it was
// read, until Slack has the message: data of 15 s, and 45 s that it must last.
func TestSpikeToSlack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), oneRule, &fakeslack.Slack{})
		defer b.stop()
		b.pass(time.Hour, steady(1))
		for time.Now().Unix()%15 != 1 {
			b.pass(time.Second, steady(1))
		}
		began := time.Now()
		b.pass(2*time.Minute, steady(5))
		posts := b.slack.Taken()
		if len(posts) != 1 {
			t.Fatalf("%d messages, want 1: %q", len(posts), b.texts())
		}
		if took := posts[0].At.Sub(began); took > time.Minute {
			t.Errorf("the spike reached Slack after %v, want 60 s at most", took)
		} else {
			t.Logf("the spike reached Slack after %v", took)
		}
		text := posts[0].Payload.Show(false)
		for _, want := range []string{"rps is up", `rps{route="/pay"}`, "Expected 1", "z +", "▁", "https://t.example/"} {
			if !strings.Contains(text, want) {
				t.Errorf("the message lacks %q:\n%s", want, text)
			}
		}
		b.pass(10*time.Minute, steady(1))
		if texts := b.texts(); len(texts) != 2 || !strings.Contains(texts[1], "back to normal") {
			t.Errorf("messages: %q, want also the end", texts)
		}
	})
}

// TestRestartMidAlert ends the daemon while an alert runs and Slack is away, and
// starts it again when all is over.
func TestRestartMidAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		slack := &fakeslack.Slack{Fail: func(int) (int, string) { return http.StatusServiceUnavailable, "" }}
		b := newBench(t, dir, oneRule, slack)
		b.pass(time.Hour, steady(1))
		b.pass(2*time.Minute, steady(5))
		if _, err := b.snapshot(b.dir); err != nil {
			t.Fatal(err)
		}
		b.stop()
		time.Sleep(10 * time.Minute)
		slack.Fail = nil
		b = newBench(t, dir, oneRule, slack)
		defer b.stop()
		b.pass(2*time.Minute, steady(5))
		if texts := b.texts(); len(texts) != 1 || !strings.Contains(texts[0], "rps is up") {
			t.Errorf("after the restart: %q, want the alert once", texts)
		}
		b.pass(20*time.Minute, steady(1))
		if texts := b.texts(); len(texts) != 2 || !strings.Contains(texts[1], "back to normal") {
			t.Errorf("after it was over: %q, want its end", texts)
		}
	})
}

// TestRestartIsQuiet restarts in calm, with and without what was learnt.
func TestRestartIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		slack := &fakeslack.Slack{}
		for k := range 4 {
			b := newBench(t, dir, oneRule, slack)
			b.pass(30*time.Minute, steady(1))
			if k%2 == 0 {
				if _, err := b.snapshot(b.dir); err != nil {
					t.Fatal(err)
				}
			}
			b.stop()
			time.Sleep(time.Duration(k) * time.Hour)
		}
		if posts := slack.Posts(); len(posts) != 0 {
			t.Errorf("restarts paged: %q", posts[0].Payload.Text)
		}
	})
}

// TestBaselineSurvives restarts and spikes at once: nothing has to be learnt anew.
func TestBaselineSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		slack := &fakeslack.Slack{}
		b := newBench(t, dir, oneRule, slack)
		b.pass(time.Hour, steady(1))
		if _, err := b.snapshot(b.dir); err != nil {
			t.Fatal(err)
		}
		b.stop()
		b = newBench(t, dir, oneRule, slack)
		defer b.stop()
		b.pass(2*time.Minute, steady(5))
		if texts := b.texts(); len(texts) != 1 {
			t.Errorf("messages: %q, want one", texts)
		}
	})
}

// TestAbsence lets a series fall silent and come back, and its input fail.
func TestAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), oneRule, &fakeslack.Slack{})
		defer b.stop()
		nothing := func() map[string]float64 { return nil }
		b.pass(time.Hour, steady(1))
		b.pass(time.Minute, nothing)
		if texts := b.texts(); len(texts) != 0 {
			t.Errorf("after a minute's silence: %q", texts)
		}
		b.pass(3*time.Minute, nothing)
		b.pass(10*time.Minute, steady(1))
		texts := b.texts()
		if len(texts) != 2 || !strings.Contains(texts[0], "absent") || !strings.Contains(texts[1], "back to normal") {
			t.Errorf("silence and return: %q", texts)
		}
		failing := func() map[string]float64 {
			if err := b.take(t.Context(), source.Batch{Input: "test", Err: http.ErrServerClosed}); err != nil {
				t.Error(err)
			}
			return nil
		}
		b.pass(10*time.Minute, failing)
		b.pass(10*time.Minute, steady(1))
		texts = b.texts()[2:]
		if len(texts) != 2 || !strings.Contains(texts[0], "spikewatch-input is absent") || !strings.Contains(texts[1], "back to normal") {
			t.Errorf("an input that could not be read: %q, want one alert for it, none for its series", texts)
		}
	})
}

// TestClockStep sets the clock back by an hour, and right again later: that is one
// alert about the input, and no series is absent.
func TestClockStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), oneRule, &fakeslack.Slack{})
		defer b.stop()
		many := func() map[string]float64 {
			return map[string]float64{"/pay": 100 + rand.Float64(), "/quote": 50 + rand.Float64(), "/help": 70 + rand.Float64()}
		}
		b.pass(time.Hour, many)
		b.now = func() time.Time { return time.Now().Add(-time.Hour) }
		b.pass(10*time.Minute, many)
		b.now = time.Now
		b.pass(20*time.Minute, many)
		texts := b.texts()
		if len(texts) != 2 || !strings.Contains(texts[0], "1h0m0s ahead of the clock") || !strings.Contains(texts[1], "back to normal") {
			t.Errorf("messages: %q, want one alert about the input and its end", texts)
		}
		if st := b.rules[0].shaper.Stats(); st.Future == 0 {
			t.Errorf("%+v: nothing was of the future", st)
		}
	})
}

// TestSeriesEnds has a series end while its alert runs.
func TestSeriesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), strings.Replace(oneRule, "for: 45s", "for: 45s, absent: never", 1), &fakeslack.Slack{})
		defer b.stop()
		b.pass(time.Hour, steady(1))
		b.pass(2*time.Minute, steady(5))
		b.pass(10*time.Minute, func() map[string]float64 { return nil })
		if texts := b.texts(); len(texts) != 2 || !strings.Contains(texts[1], "no values any more") {
			t.Errorf("messages: %q", texts)
		}
	})
}

// TestOrphan restarts with an alert whose series does not come back.
func TestOrphan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		slack := &fakeslack.Slack{}
		b := newBench(t, dir, oneRule, slack)
		b.pass(time.Hour, steady(1))
		b.pass(2*time.Minute, steady(5))
		b.stop()
		b = newBench(t, dir, oneRule, slack)
		defer b.stop()
		for range 20 {
			b.pass(time.Minute, func() map[string]float64 { return map[string]float64{"/other": 5} })
			b.orphans(time.Now())
		}
		if texts := b.texts(); len(texts) != 2 || !strings.Contains(texts[1], "has not come back") {
			t.Errorf("messages: %q", texts)
		}
	})
}

func TestDrivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), oneRule, &fakeslack.Slack{})
		defer b.stop()
		at := func(pay, quote float64) func() map[string]float64 {
			rng := rand.New(rand.NewPCG(3, 4))
			return func() map[string]float64 {
				return map[string]float64{"/pay": pay + rng.NormFloat64(), "/quote": quote + rng.NormFloat64(), "/help": 50 + rng.NormFloat64()}
			}
		}
		b.pass(time.Hour, at(100, 100))
		b.pass(2*time.Minute, at(400, 200))
		for _, i := range b.book.Incidents() {
			if len(i.Drivers) == 0 || i.Drivers[0].Value != "/pay" || i.Drivers[0].Share < 0.6 {
				t.Errorf("%s is driven by %+v, want mostly /pay", i.Series, i.Drivers)
			}
		}
	})
}

// TestAbsorb declares a new level normal.
func TestAbsorb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), oneRule, &fakeslack.Slack{})
		defer b.stop()
		b.pass(time.Hour, steady(1))
		b.pass(2*time.Minute, steady(5))
		i, err := b.book.Absorb(time.Now(), b.book.Incidents()[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		b.absorb(i)
		b.pass(time.Hour, steady(5))
		if texts := b.texts(); len(texts) != 2 || !strings.Contains(texts[1], "absorbed") {
			t.Errorf("messages: %q, want the alert and its end", texts)
		}
		b.pass(2*time.Minute, steady(25))
		if open := b.book.Incidents()[0]; !open.Open() || open.Direction != "up" {
			t.Errorf("a spike above the new level: %+v", open)
		}
	})
}

// TestReloadOfLongRunning reloads after days: what was learnt waits for its series.
func TestReloadOfLongRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(t, dir, oneRule, &fakeslack.Slack{})
		defer b.stop()
		time.Sleep(2 * forgetAfter)
		b.pass(time.Hour, steady(1))
		if err := b.configure(parse(t, dir, oneRule)); err != nil {
			t.Fatal(err)
		}
		b.pass(15*time.Second, func() map[string]float64 { return nil })
		b.pass(20*time.Second, steady(1))
		if views, _ := b.views(1); len(views) != 1 || views[0].State != "ready" {
			t.Errorf("after a reload: %+v", views)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := newBench(t, dir, oneRule, &fakeslack.Slack{})
		defer b.stop()
		b.pass(time.Hour, steady(1))
		c := parse(t, dir, strings.Replace(oneRule, "for: 45s", "for: 15s", 1))
		b.book.Configure(c.Alerts)
		if err := b.configure(c); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute, steady(1))
		b.pass(20*time.Second, steady(5))
		if got := b.book.Incidents(); len(got) != 1 {
			t.Errorf("after a reload what was learnt is gone, or the new rule does not count: %+v", got)
		}
		if c := b.book.Counts(); c != (alert.Counts{Fired: 1, Delivered: c.Delivered}) {
			t.Errorf("counts: %+v", c)
		}
	})
}
