package source

import (
	"slices"
	"time"

	"github.com/clewhq/clew/zscore"
)

// entry is a series with what its next reading needs.
type entry struct {
	Series
	last      time.Time // of the last sample in order
	step      time.Duration
	interval  time.Duration
	rate      Rate
	before    *Histogram // the last one, cumulative
	held      []Sample   // in the order of time, later than last
	heldSince time.Time
	counts    bool
	folded    bool

	group *group // not nil for a part of a classic histogram
	part  int
}

// order takes a sample into its place. It waits only where one before it seems to
// be missing, so that in the ordinary case nothing is delayed.
func (s *Shaper) order(e *entry, now time.Time, sample Sample) {
	switch {
	case !e.last.IsZero() && !sample.Time.After(e.last):
		s.stats.Late++
		return
	case len(e.held) == 0 && e.follows(sample.Time):
		s.take(e, &sample)
		return
	}
	i, found := slices.BinarySearchFunc(e.held, sample.Time, func(h Sample, t time.Time) int { return h.Time.Compare(t) })
	if found {
		s.stats.Late++
		return
	}
	if len(e.held) == 0 {
		e.heldSince = now
		s.waiting[e] = struct{}{}
	}
	e.held = slices.Insert(e.held, i, sample)
	s.release(e, s.hold(e))
}

// follows reports whether nothing is missing between the last sample and one at t.
func (e *entry) follows(t time.Time) bool {
	return e.interval == 0 || t.Sub(e.last) <= e.interval*3/2
}

func (s *Shaper) hold(e *entry) time.Duration {
	if s.Hold > 0 {
		return s.Hold
	}
	return min(2*e.interval, maxHold)
}

// maxHeld bounds what waits in one series, whatever its times say.
const maxHeld = 64

// release takes the samples that need not wait any more: those whose predecessor
// has come, and those that the newest has left behind by hold.
func (s *Shaper) release(e *entry, hold time.Duration) {
	n := len(e.held)
	if n == 0 {
		return
	}
	newest := e.held[n-1].Time
	i := 0
	for ; i < n; i++ {
		if h := &e.held[i]; !e.follows(h.Time) && newest.Sub(h.Time) < hold && n-i <= maxHeld {
			break
		}
		s.take(e, &e.held[i])
	}
	e.held = slices.Delete(e.held, 0, i)
	if len(e.held) == 0 {
		e.held = nil
		delete(s.waiting, e)
	}
}

// take learns the interval and makes the reading. Two steps alike are the
// interval; one odd step is not.
func (s *Shaper) take(e *entry, sample *Sample) {
	if !e.last.IsZero() {
		step := sample.Time.Sub(e.last)
		if d := step - e.step; e.interval == 0 || max(d, -d) <= e.step/4 {
			e.interval = step
		}
		e.step = step
	}
	since := e.last
	e.last = sample.Time
	s.give(e, sample.Time, s.value(e, sample, since), sample.Exemplars)
}

// value makes one number of a sample; since is the time of the one before.
func (s *Shaper) value(e *entry, sample *Sample, since time.Time) float64 {
	if sample.Histogram != nil {
		return s.ofHistogram(e, sample, since)
	}
	switch {
	case sample.Type == Delta:
		return perSecond(sample.Value, sample, since)
	case sample.Type == Counter, sample.Type == Unknown && e.counts:
		return e.rate.Since(sample.Start, sample.Time, sample.Value)
	}
	return sample.Value
}

// ofHistogram takes the measurements since the sample before.
func (s *Shaper) ofHistogram(e *entry, sample *Sample, since time.Time) float64 {
	h := sample.Histogram
	if sample.Type != Delta && sample.Type != Gauge {
		before := e.before
		e.before = h
		if before == nil {
			return none
		}
		if h = h.since(before, sample.Start.After(since)); h == nil {
			return none
		}
	}
	switch {
	case s.Kind == zscore.KindRate || s.Kind == zscore.KindErrors || s.Kind == zscore.KindCounter:
		return perSecond(h.Count, sample, since)
	case s.Mean:
		return h.Mean()
	}
	return h.Quantile(s.Quantile)
}

// perSecond divides what was counted between two samples by the time.
func perSecond(n float64, sample *Sample, since time.Time) float64 {
	if sample.Type == Delta && !sample.Start.IsZero() {
		since = sample.Start
	}
	if since.IsZero() || !sample.Time.After(since) {
		return none
	}
	return n / sample.Time.Sub(since).Seconds()
}
