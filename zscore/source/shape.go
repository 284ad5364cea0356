package source

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/clewhq/clew/zscore"
)

// Shaping says how the samples that a rule is about become the values that a
// detector judges. Its zero value takes everything as a gauge.
type Shaping struct {
	// Match picks the series. A classic histogram may be meant by its own name as
	// well as by that of its buckets.
	Match Match
	// Kind tells what the series are. A counter becomes its rate whatever the kind;
	// where the source doesn't say what is one, it is what the kind calls so, and
	// for rates and errors what ends in _total, _count, _sum or _bucket.
	Kind zscore.Kind
	// Quantile is the one that stands for a histogram, 0.99 if it is 0, and Mean
	// takes the mean instead. For a kind of rate or errors a histogram stands for
	// the rate of its measurements.
	Quantile float64
	Mean     bool
	// MaxSeries bounds how many series there are, 10,000 if it is 0. All further
	// ones are folded into one: the sum of rates and errors, the mean of the others.
	MaxSeries int
	// Hold is how long a sample waits for one before it that is missing, by the
	// clock of the samples; two intervals of its series if it is 0, never more than
	// five minutes. What comes later than that is counted and dropped.
	Hold time.Duration
	// Warn is told once when series begin to be folded. It may be nil.
	Warn func(msg string)
}

// MaxFuture is how far ahead of us a sender's clock may be.
const MaxFuture = time.Minute

const (
	defaultQuantile  = 0.99
	defaultMaxSeries = 10_000
	// maxHold bounds Hold.
	maxHold = 5 * time.Minute
	// foldedShare is how many series are folded for each that is not; their
	// readings are kept for the next one's sake. Beyond it they are dropped.
	foldedShare = 4
	// foldStep is how finely the folded series is sampled.
	foldStep = 15 * time.Second
)

// Series is one series of a rule.
type Series struct {
	Labels Labels
	// State is for whoever gets the readings, such as a detector. Shaper does not
	// look at it.
	State any

	entry *entry
}

// Interval is the usual time between two readings, 0 while it is not known.
func (s *Series) Interval() time.Duration {
	if s.entry == nil {
		return foldStep
	}
	return s.entry.interval
}

// Last is the time of the last reading.
func (s *Series) Last() time.Time {
	if s.entry == nil {
		return time.Time{}
	}
	return s.entry.last
}

// Reading is one value to judge. For one series they come in the order of time.
type Reading struct {
	Series    *Series
	Time      time.Time
	Value     float64 // a number
	Exemplars []Exemplar
}

// ShapeStats counts what a [Shaper] has done since it began.
type ShapeStats struct {
	Series, Folded int    // that there are now
	Readings       uint64 // given out
	Late           uint64 // samples that came when their place was taken
	Future         uint64 // of times more than a minute ahead
	NoValue        uint64 // NaN, infinite, stale, or a counter's first
	Dropped        uint64 // of series that there was no room to fold either
}

// Shaper turns samples, as inputs bring them, into readings: it picks the series,
// puts late samples in order, makes rates of counters and one number of a
// histogram, and bounds the number of series. It belongs to one goroutine.
type Shaper struct {
	Shaping
	emit    func(Reading)
	entries map[Labels]*entry
	groups  map[Labels]*group
	strange map[Labels]struct{} // known not to match
	waiting map[*entry]struct{} // have samples in hold
	fold    fold
	stats   ShapeStats
}

// NewShaper returns a Shaper that hands its readings to emit, in the goroutine
// that calls it.
func NewShaper(s Shaping, emit func(Reading)) (*Shaper, error) {
	if s.Quantile == 0 {
		s.Quantile = defaultQuantile
	}
	if s.MaxSeries == 0 {
		s.MaxSeries = defaultMaxSeries
	}
	switch {
	case !(s.Quantile > 0 && s.Quantile < 1):
		return nil, fmt.Errorf("quantile %v: want one between 0 and 1", s.Quantile)
	case s.MaxSeries < 0:
		return nil, fmt.Errorf("at most %d series: want 1 or more", s.MaxSeries)
	case s.Hold < 0 || s.Hold > maxHold:
		return nil, fmt.Errorf("late %v: a sample is waited for at most %v", s.Hold, maxHold)
	}
	return &Shaper{
		Shaping: s, emit: emit,
		entries: map[Labels]*entry{}, groups: map[Labels]*group{},
		strange: map[Labels]struct{}{}, waiting: map[*entry]struct{}{},
		fold: fold{series: Series{Labels: NewLabels(Label{NameLabel, "other_series"})}, mean: s.Kind == zscore.KindGauge || s.Kind == zscore.KindLatency},
	}, nil
}

// Stats returns the counts.
func (s *Shaper) Stats() ShapeStats {
	out := s.stats
	for _, e := range s.entries {
		if e.folded {
			out.Folded++
		} else if e.group == nil {
			out.Series++
		}
	}
	return out
}

// Add takes a sample that came now. A zero now means that it is not known, and
// then nothing is of the future.
func (s *Shaper) Add(now time.Time, sample *Sample) {
	e := s.find(sample.Labels)
	if e == nil {
		return
	}
	one := *sample
	if one.Stale {
		one.Value, one.Histogram = none, nil // it takes its place in the order
	}
	switch {
	case !now.IsZero() && sample.Time.Sub(now) > MaxFuture:
		s.stats.Future++
	case e.group != nil:
		e.group.add(s, now, e.part, &one)
	default:
		s.order(e, now, one)
	}
}

// Flush gives out what has waited too long for its predecessor, by the clock of
// whoever calls. Without it a series that falls silent keeps its last samples.
func (s *Shaper) Flush(now time.Time) {
	for e := range s.waiting {
		if now.Sub(e.heldSince) >= s.hold(e) {
			s.release(e, 0)
		}
	}
	if now.Sub(s.fold.at) >= 2*foldStep {
		s.fold.flush(s)
	}
}

// Sweep forgets the series that have had no reading since then and returns them.
func (s *Shaper) Sweep(since time.Time) []*Series {
	var gone []*Series
	for l, e := range s.entries {
		if e.group != nil || !e.last.Before(since) || len(e.held) > 0 {
			continue
		}
		delete(s.entries, l)
		if e.folded {
			s.fold.folded--
			continue
		}
		s.fold.room--
		gone = append(gone, &e.Series)
	}
	for l, g := range s.groups {
		if g.at.Before(since) {
			delete(s.groups, l)
			for _, part := range g.parts {
				delete(s.entries, part.labels)
			}
		}
	}
	clear(s.strange)
	return gone
}

// find returns what is known of a series, nil when it is not of this rule.
func (s *Shaper) find(l Labels) *entry {
	if e, ok := s.entries[l]; ok {
		return e
	}
	if _, ok := s.strange[l]; ok {
		return nil
	}
	if s.Kind == zscore.KindLatency {
		if e, ok := s.findPart(l); ok {
			return e
		}
	}
	if !s.Match.Matches(l) {
		return s.reject(l)
	}
	return s.newEntry(l)
}

func (s *Shaper) reject(l Labels) *entry {
	if len(s.strange) >= foldedShare*s.MaxSeries+defaultMaxSeries {
		clear(s.strange) // forgetting only costs matching again
	}
	s.strange[l] = struct{}{}
	return nil
}

// newEntry begins a series, folded when there is no room for it.
func (s *Shaper) newEntry(l Labels) *entry {
	e := &entry{Series: Series{Labels: l}, counts: s.counts(l.Name())}
	e.entry = e
	if s.fold.room >= s.MaxSeries {
		if s.fold.folded >= foldedShare*s.MaxSeries {
			s.stats.Dropped++
			return nil
		}
		if !s.fold.warned && s.Warn != nil {
			s.fold.warned = true
			s.Warn(fmt.Sprintf("more than %d series: the others are judged as one, %s; match fewer, or raise max_series", s.MaxSeries, s.fold.what()))
		}
		s.fold.folded++
		e.folded = true
	} else {
		s.fold.room++
	}
	s.entries[l] = e
	return e
}

// counts reports whether a series that says nothing of its type is a counter.
func (s *Shaper) counts(name string) bool {
	switch s.Kind {
	case zscore.KindCounter:
		return true
	case zscore.KindRate, zscore.KindErrors:
		for _, end := range []string{"_total", "_count", "_sum", "_bucket"} {
			if strings.HasSuffix(name, end) {
				return true
			}
		}
	}
	return false
}

// give hands a value out.
func (s *Shaper) give(e *entry, at time.Time, v float64, exemplars []Exemplar) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		s.stats.NoValue++
	case e.folded:
		s.fold.add(s, at, v)
	default:
		s.stats.Readings++
		s.emit(Reading{&e.Series, at, v, exemplars})
	}
}
