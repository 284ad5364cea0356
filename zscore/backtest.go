package zscore

import (
	"slices"
	"time"
)

// Backtest is what a rule would have alerted on in the past.
type Backtest struct {
	Alerts []Alert
	// From and To are the first and the last point that counted.
	From, To time.Time
	// Judged, Learning and Missing are how many of those points were judged, could
	// not be yet, and had no value.
	Judged, Learning, Missing int
}

// PagesPerWeek is the mean number of alerts in a week, or 0 without time.
func (b *Backtest) PagesPerWeek() float64 {
	if span := b.To.Sub(b.From); span > 0 {
		return float64(len(b.Alerts)) / (span.Hours() / (24 * 7))
	}
	return 0
}

// NewReplay returns the replay of a detector and a rule; points before from
// only teach. It belongs to one goroutine.
func NewReplay(d Detector, r Rule, from time.Time) (*Replay, error) {
	c, err := NewCondition(r)
	if err != nil {
		return nil, err
	}
	return &Replay{detector: d, condition: c, from: from}, nil
}

// Replay is a backtest that is running.
type Replay struct {
	detector  Detector
	condition *Condition
	from      time.Time
	result    Backtest
	counted   bool // the running alert counts
}

// Observe takes the next point, later than the one before.
func (r *Replay) Observe(t time.Time, v float64) {
	verdict := r.detector.Observe(t, v)
	event := r.condition.Observe(t, verdict)
	if t.Before(r.from) {
		return
	}
	if r.result.From.IsZero() {
		r.result.From = t
	}
	r.result.To = t
	switch verdict.State {
	case Ready:
		r.result.Judged++
	case Learning:
		r.result.Learning++
	case Absent:
		r.result.Missing++
	}
	switch event {
	case Fired:
		r.counted = true
	case Resolved:
		r.take()
	}
}

// take keeps the alert that has ended, unless all of it came before from.
func (r *Replay) take() {
	if r.counted {
		r.result.Alerts = append(r.result.Alerts, r.condition.Alert())
	}
	r.counted = false
}

// Result returns what was found so far. An alert that still runs is among it,
// with the end that it has so far.
func (r *Replay) Result() Backtest {
	out := r.result
	out.Alerts = slices.Clone(out.Alerts)
	if r.condition.Firing() && r.counted {
		out.Alerts = append(out.Alerts, r.condition.Alert())
	}
	return out
}
