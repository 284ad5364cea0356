package source

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// group gathers the series of one classic histogram, x_bucket{le=…} and x_sum,
// which come one by one and not always in one batch. It is whole when as many
// have come as the time before, or when the next time begins.
type group struct {
	entry *entry
	parts []part
	at    time.Time // of what is being gathered
	seen  int       // parts that have come of it
	whole int       // that came the time before; 0 while that is not known
	done  bool      // what is of at was given out
	first Sample    // of it: its type and exemplars stand for all
}

type part struct {
	labels Labels
	upper  float64 // NaN is the sum
	value  float64
	at     time.Time
}

const leLabel = "le"

// findPart recognizes a series of a classic histogram that the rule means, by the
// histogram's name or by the series' own. ok is false when it is none.
func (s *Shaper) findPart(l Labels) (_ *entry, ok bool) {
	name, upper := l.Name(), none
	base, isBucket := strings.CutSuffix(name, "_bucket")
	if isBucket {
		var err error
		if upper, err = strconv.ParseFloat(l.Get(leLabel), 64); err != nil || math.IsNaN(upper) {
			return nil, false
		}
	} else if base, ok = strings.CutSuffix(name, "_sum"); !ok {
		if base, ok = strings.CutSuffix(name, "_count"); ok && s.Match.Matches(l.With(NameLabel, base)) {
			return s.reject(l), true // the last bucket says it
		}
		return nil, false
	}
	whole := l.Without(leLabel).With(NameLabel, base)
	if meant := s.Match.Matches(whole) || isBucket && s.Match.Matches(l); !meant {
		return nil, false
	}
	g := s.groups[whole]
	if g == nil {
		e := s.newEntry(whole)
		if e == nil {
			return nil, true
		}
		g = &group{entry: e}
		s.groups[whole] = g
	}
	g.parts = append(g.parts, part{labels: l, upper: upper})
	e := &entry{group: g, part: len(g.parts) - 1}
	s.entries[l] = e
	return e, true
}

func (g *group) add(s *Shaper, now time.Time, i int, sample *Sample) {
	switch {
	case sample.Time.Before(g.at) || sample.Time.Equal(g.at) && g.done:
		s.stats.Late++
		return
	case sample.Time.After(g.at):
		g.finish(s, now)
		g.at, g.seen, g.done, g.first = sample.Time, 0, false, *sample
		g.first.Exemplars = nil
	}
	p := &g.parts[i]
	if p.at.Equal(g.at) {
		s.stats.Late++
		return
	}
	p.value, p.at = sample.Value, g.at
	g.first.Exemplars = append(g.first.Exemplars, sample.Exemplars...)
	if g.seen++; g.seen == g.whole {
		g.finish(s, now)
	}
}

// finish makes a histogram of what has come.
func (g *group) finish(s *Shaper, now time.Time) {
	if g.done || g.seen == 0 {
		return
	}
	g.done, g.whole = true, g.seen
	parts := make([]part, 0, len(g.parts))
	h := &Histogram{Sum: none}
	for _, p := range g.parts {
		switch {
		case !p.at.Equal(g.at) || math.IsNaN(p.value):
		case math.IsNaN(p.upper):
			h.Sum = p.value
		default:
			parts = append(parts, p)
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.upper, b.upper) })
	if n := len(parts); n == 0 || !math.IsInf(parts[n-1].upper, 1) {
		s.stats.NoValue++ // without the last bucket nobody knows how many there were
		return
	}
	lower, below := math.Inf(-1), 0.0
	for _, p := range parts {
		// Buckets are not read at one instant: one may be behind a smaller one.
		count := max(p.value, below)
		h.Buckets = append(h.Buckets, Bucket{lower, p.upper, count - below})
		lower, below = p.upper, count
	}
	h.Count = below
	sample := g.first
	sample.Labels, sample.Value, sample.Histogram = g.entry.Labels, none, h
	s.order(g.entry, now, sample)
}
