package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/source"
)

const (
	// recentPoints is how many values a series remembers for its picture.
	recentPoints = 40
	// forgetAfter is when a silent series is forgotten, and sweepEvery how often
	// such are looked for.
	forgetAfter = 24 * time.Hour
	sweepEvery  = time.Minute
	// inputRule is the rule of alerts about inputs that cannot be read, and
	// inputGrace for how long they cannot.
	inputRule  = "spikewatch-input"
	inputGrace = time.Minute
)

// watcher judges what the inputs bring. Its methods may be called by several
// goroutines.
type watcher struct {
	book *alert.Book
	log  *slog.Logger
	now  func() time.Time

	mu       sync.Mutex
	rules    []*rule
	inputs   map[string]*input
	current  *input              // that the readings being made come from
	restored map[string]baseline // of series that have not come yet
	events   []alert.Event       // of the readings being made
	started  time.Time           // or reloaded
	swept    time.Time           // when silent series were forgotten last
}

// rule is a rule with its series.
type rule struct {
	config.Rule

	shaper *source.Shaper
	series map[*source.Series]*series
}

// series is what is known of one series of one rule.
type series struct {
	of        *source.Series
	detector  zscore.Snapshotter // nil until the interval is known
	condition *zscore.Condition
	input     *input
	last      zscore.Verdict
	at        time.Time // of last
	came      time.Time // when it came
	recent    [recentPoints]glance
	n         int // values that came, for recent
	exemplars []source.Exemplar
}

// input is how an input fares.
type input struct {
	name    string
	samples uint64
	lastOK  time.Time
	failing time.Time // since when; zero while it is well
	err     error
}

func newWatcher(c *config.Config, book *alert.Book, restored map[string]baseline, log *slog.Logger, now func() time.Time) (*watcher, error) {
	w := &watcher{book: book, log: log, now: now, inputs: map[string]*input{}, restored: restored}
	return w, w.configure(c)
}

// configure puts rules in force. A rule that stays as it was, but for when it
// alerts, keeps its series.
func (w *watcher) configure(c *config.Config) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keep()
	var rules []*rule
	for _, r := range c.Rules {
		made := &rule{Rule: r, series: map[*source.Series]*series{}}
		shaping := r.Shaping
		shaping.Warn = func(msg string) { w.log.Warn(msg, "rule", r.Name) }
		var err error
		if made.shaper, err = source.NewShaper(shaping, func(one source.Reading) { w.judge(made, one) }); err != nil {
			return err
		}
		rules = append(rules, made)
	}
	w.rules, w.started = rules, w.now()
	for name := range w.inputs {
		w.inputs[name] = &input{name: name, lastOK: w.now()}
	}
	return nil
}

// take is the sink of all inputs.
func (w *watcher) take(_ context.Context, b source.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	in := w.inputs[b.Input]
	if in == nil {
		in = &input{name: b.Input}
		w.inputs[b.Input] = in
	}
	if b.Err == nil {
		b.Err = ahead(now, b.Samples)
	}
	if b.Err != nil {
		w.fails(in, now, b.Err)
	} else {
		w.works(in, now)
	}
	in.samples += uint64(len(b.Samples))
	w.current = in
	for _, r := range w.rules {
		for i := range b.Samples {
			r.shaper.Add(now, &b.Samples[i])
		}
	}
	w.apply(now)
	return nil
}

// ahead says that nothing but the future has come: a clock is wrong, here or at
// the sender's. That is one fault, and not the silence of each series.
func ahead(now time.Time, samples []source.Sample) error {
	least := time.Duration(math.MaxInt64)
	for i := range samples {
		if least = min(least, samples[i].Time.Sub(now)); least <= source.MaxFuture {
			return nil
		}
	}
	if len(samples) == 0 {
		return nil
	}
	return fmt.Errorf("its samples are %v ahead of the clock of this machine: one of the two is wrong", least.Round(time.Second))
}

// apply books what the readings brought, all of it in one transaction.
func (w *watcher) apply(now time.Time) {
	if len(w.events) > 0 {
		w.book.Apply(now, w.events...)
		w.events = w.events[:0]
	}
}

func (w *watcher) fails(in *input, now time.Time, err error) {
	if in.err = err; in.failing.IsZero() {
		in.failing = now
		w.log.Warn("input cannot be read", "input", in.name, "error", err)
	}
	if now.Sub(in.failing) < inputGrace {
		return
	}
	w.events = append(w.events, alert.Event{Kind: alert.Firing, At: now, Incident: alert.Incident{
		Rule: inputRule, Series: in.name, Labels: alert.Labels{"input": in.name}, Severity: "page", Direction: zscore.Gone.String(),
		Start: in.failing, Value: unknown, Expected: unknown, Z: unknown, PeakZ: unknown, Reason: "it cannot be read: " + err.Error(),
	}})
}

func (w *watcher) works(in *input, now time.Time) {
	if !in.failing.IsZero() {
		w.log.Info("input is read again", "input", in.name)
		w.skip(in)
	}
	if !in.failing.IsZero() || in.lastOK.IsZero() {
		w.events = append(w.events, alert.Event{Kind: alert.Resolved, At: now, Incident: alert.Incident{Rule: inputRule, Series: in.name}})
	}
	in.failing, in.err, in.lastOK = time.Time{}, nil, now
}

// skip forgives the series of an input their silence while it could not be read.
func (w *watcher) skip(in *input) {
	for _, r := range w.rules {
		for _, s := range r.series {
			if s.input == in && s.condition != nil {
				s.condition.Skip()
				s.came = w.now()
			}
		}
	}
}

// judge takes one reading to its detector and its condition.
func (w *watcher) judge(r *rule, one source.Reading) {
	s := r.series[one.Series]
	if s == nil {
		s = &series{of: one.Series}
		r.series[one.Series] = s
	}
	s.input, s.came = w.current, w.now()
	seen := &s.recent[s.n%recentPoints]
	*seen = newGlance(one.Value, math.NaN(), math.NaN())
	s.n++
	if len(one.Exemplars) > 0 && r.Exemplars > 0 {
		all := append(s.exemplars, one.Exemplars...)
		s.exemplars = append([]source.Exemplar(nil), all[max(0, len(all)-r.Exemplars):]...)
	}
	if s.detector == nil && !w.begin(r, s) {
		return
	}
	s.last, s.at = s.detector.Observe(one.Time, one.Value), one.Time
	if s.last.State == zscore.Ready {
		fire := r.Rule.Rule.Fire
		*seen = newGlance(one.Value, s.last.Expected+fire*(s.last.Low-s.last.Expected), s.last.Expected+fire*(s.last.High-s.last.Expected))
	}
	w.event(r, s, s.condition.Observe(one.Time, s.last))
}

// begin makes the detector and the condition of a series, with what was known of
// it before a restart. It reports false while the interval is not known.
func (w *watcher) begin(r *rule, s *series) bool {
	key := snapshotKey(r.Name, s.of.Labels)
	saved, known := w.restored[key]
	interval := s.of.Interval()
	if interval == 0 {
		if s.n < 3 {
			return false
		}
		interval = 15 * time.Second
	}
	made, err := zscore.NewDetector(r.Detector, r.Schedule, r.Shaping.Kind, interval)
	if err != nil {
		return false // the configuration was checked
	}
	s.detector = made.(zscore.Snapshotter) // all of them are
	if known {
		delete(w.restored, key)
		if err := saved.into(s.detector); err != nil {
			w.log.Warn("the baseline that was kept does not fit: it is learnt anew", "rule", r.Name, "series", s.of.Labels.String(), "error", err)
			made, _ = zscore.NewDetector(r.Detector, r.Schedule, r.Shaping.Kind, interval)
			s.detector = made.(zscore.Snapshotter)
		}
	}
	limits := r.Rule.Rule
	limits.AbsentAfter = absentAfter(r, interval)
	if i, ok := w.book.Running(r.Name, s.of.Labels.String()); ok {
		s.condition, err = zscore.ResumeCondition(limits, zscore.Alert{Start: i.Start, End: i.Fired, Direction: direction(i.Direction), Peak: zscore.Verdict{Z: float64(i.PeakZ)}})
	} else {
		s.condition, err = zscore.NewCondition(limits)
	}
	return err == nil
}

// absentAfter is 0 where silence is no alert.
func absentAfter(r *rule, interval time.Duration) time.Duration {
	switch {
	case !r.Absent:
		return 0
	case r.Rule.Rule.AbsentAfter > 0:
		return r.Rule.Rule.AbsentAfter
	}
	return zscore.AbsentAfter(interval)
}

func direction(s string) zscore.Direction {
	for _, d := range []zscore.Direction{zscore.Down, zscore.Gone} {
		if d.String() == s {
			return d
		}
	}
	return zscore.Up
}

func (w *watcher) event(r *rule, s *series, e zscore.Event) {
	switch e {
	case zscore.Fired:
		w.events = append(w.events, alert.Event{Kind: alert.Firing, At: w.now(), Incident: w.incident(r, s)})
	case zscore.Resolved:
		w.events = append(w.events, alert.Event{Kind: alert.Resolved, At: w.now(), Incident: alert.Incident{
			Rule: r.Name, Series: s.of.Labels.String(), PeakZ: alert.Number(s.condition.Alert().Peak.Z),
		}})
	}
}

// incident tells all that is known of the alert that has just fired.
func (w *watcher) incident(r *rule, s *series) alert.Incident {
	a := s.condition.Alert()
	v := s.last
	if a.Direction == zscore.Gone {
		v.Value, v.Expected, v.Z = math.NaN(), math.NaN(), math.NaN()
	}
	i := alert.Incident{
		Rule: r.Name, Series: s.of.Labels.String(), Labels: alert.Labels{}, Severity: r.Severity, Direction: a.Direction.String(), Start: a.Start,
		Value: alert.Number(v.Value), Expected: alert.Number(v.Expected), Z: alert.Number(v.Z), PeakZ: alert.Number(a.Peak.Z),
		Reason: reason(a, v), Recent: s.picture(), Links: append([]alert.Link(nil), r.Links...),
	}
	i.Step = s.of.Interval()
	for _, g := range s.glances() {
		i.Low, i.High = append(i.Low, alert.Number(g.low())), append(i.High, alert.Number(g.high()))
	}
	maps.Insert(i.Labels, s.of.Labels.All())
	if a.Direction != zscore.Gone {
		i.Drivers = drivers(r, v.Value > v.Expected)
	}
	for _, e := range s.exemplars {
		link := alert.Link{Name: "trace " + e.TraceID}
		if r.TraceURL != "" {
			link.URL = strings.ReplaceAll(r.TraceURL, "{trace_id}", e.TraceID)
		}
		i.Links = append(i.Links, link)
	}
	return i
}

func reason(a zscore.Alert, v zscore.Verdict) string {
	if a.Direction == zscore.Gone {
		return fmt.Sprintf("no value for %v", a.End.Sub(a.Start).Round(time.Second))
	}
	return "unusual against " + v.Cause.String()
}
