package daemon

import (
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
)

// tick does what time alone brings about.
func (w *watcher) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for _, r := range w.rules {
		w.current = nil
		r.shaper.Flush(now)
		for _, s := range r.series {
			if s.detector != nil && now.Sub(s.came) > s.of.Interval() {
				w.silent(r, s, now)
			}
		}
	}
	if now.Sub(w.swept) >= sweepEvery {
		w.swept = now
		w.sweep(now)
	}
	if len(w.restored) > 0 && now.Sub(w.started) > forgetAfter {
		w.restored = nil
	}
	w.apply(now)
}

// sweep forgets the series that have long been silent.
func (w *watcher) sweep(now time.Time) {
	for _, r := range w.rules {
		for _, gone := range r.shaper.Sweep(now.Add(-forgetAfter)) {
			if s := r.series[gone]; s != nil {
				w.end(r, s, now, "the series has ended")
			}
			delete(r.series, gone)
		}
	}
}

// silent looks at a series that has not come. While its input cannot be read
// that is the input's alert, not one of each series; and a daemon that has just
// started has not been listening.
func (w *watcher) silent(r *rule, s *series, now time.Time) {
	if s.input == nil || !s.input.failing.IsZero() {
		return
	}
	quiet := now.Sub(s.came)
	if s.condition.Firing() && s.condition.Alert().Direction != zscore.Gone {
		if quiet > max(absentAfter(r, s.of.Interval()), r.Rule.Rule.Quiet) {
			w.end(r, s, now, "the series has no values any more")
		}
		return
	}
	// By the clock of the samples, in which the condition counts.
	w.event(r, s, s.condition.Observe(s.at.Add(quiet), zscore.Verdict{State: zscore.Absent}))
}

// end ends an alert that no point will end.
func (w *watcher) end(r *rule, s *series, now time.Time, why string) {
	if s.condition == nil || !s.condition.Firing() {
		return
	}
	s.condition.End(false)
	w.events = append(w.events, alert.Event{Kind: alert.Resolved, At: now, Incident: alert.Incident{Rule: r.Name, Series: s.of.Labels.String(), Over: why}})
}

// absorb has the series of an incident take what goes on for normal.
func (w *watcher) absorb(i alert.Incident) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rules {
		if r.Name != i.Rule {
			continue
		}
		for _, s := range r.series {
			if s.condition == nil || s.of.Labels.String() != i.Series {
				continue
			}
			s.condition.End(true)
			if d, ok := s.detector.(interface{ Absorb() }); ok {
				d.Absorb()
			}
		}
	}
}
