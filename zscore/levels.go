package zscore

import "math"

// The levels' parameters, in points.
const (
	shortPoints = 20   // how many points a shift is averaged over
	shiftHalf   = 1000 // half-life of the level a shift is held against
	floorShare  = 0.05 // of the slowest deviation, added to every deviation
	// rangeShare is how far outside everything seen, as a share of that range, a
	// value must lie to be news for that alone, and rangeBonus what that adds.
	rangeShare = 0.05
	rangeBonus = 0.1
)

// levelHalves are the half-lives of the three level baselines.
var levelHalves = [...]float64{24, 288, 2000}

var (
	levelAlphas   = [...]float64{decay(levelHalves[0]), decay(levelHalves[1]), decay(levelHalves[2])}
	shiftAlpha    = decay(shiftHalf)
	residualAlpha = decay(usualHalfLife)
)

// The features of levels, in the order of their records.
const (
	shiftAt       = len(levelHalves)
	levelFeatures = len(levelHalves) + 1
	slowestLvl    = len(levelHalves) - 1
)

var levelCauses = [levelFeatures]Cause{Minutes, Hours, Days, Shift}

// levels are the baselines that know no clock: three levels of different memory,
// the recent mean against a long one, and the range. It has no pointers and is
// kept small: there is one for every series.
type levels struct {
	means   [len(levelHalves)]moments
	shift   moments
	records [levelFeatures]record
	lo, hi  float64
	sum     float64 // of recent
	recent  [shortPoints]float64
	n       uint32 // points learnt
	next    uint8  // where recent goes on
}

// feature is what one baseline says: how far off the point is, in deviations,
// with what was expected. An sd of 0 is that of a baseline that has no opinion.
type feature struct{ z, mean, sd float64 }

// opinion is the loudest feature, with how large it is for itself.
type opinion struct {
	feature
	cause    Cause
	surprise float64
	record   float64 // the largest z that it had shown
}

// begin takes a point in, without learning it, and asks every baseline.
func (l *levels) begin(v float64) (fs [levelFeatures]feature) {
	if l.n == 0 {
		l.lo, l.hi = v, v
	}
	l.remember(v)
	l.n = more(l.n)
	if l.n <= 3 {
		return fs
	}
	floor := floorShare * l.means[slowestLvl].sd()
	for i := range l.means {
		fs[i] = against(&l.means[i], v, floor)
	}
	fs[shiftAt] = against(&l.shift, l.sum/float64(min(l.n, shortPoints)), floor)
	return fs
}

func against(m *moments, v, floor float64) feature {
	sd := m.sd() + floor
	// The smallest number keeps a deviation of nothing from looking like no opinion.
	return feature{ratio(v-m.mean, sd), m.mean, max(sd, math.SmallestNonzeroFloat64)}
}

// remember keeps the sum of the last points, and takes it anew once in each turn,
// before rounding adds up.
func (l *levels) remember(v float64) {
	l.sum += v - l.recent[l.next]
	l.recent[l.next] = v
	if l.next++; l.next == shortPoints {
		l.next, l.sum = 0, 0
		for _, x := range l.recent {
			l.sum += x
		}
	}
}

// loudest compares every feature with its record and lets it change that, by no
// more than the factor rise.
func (l *levels) loudest(fs *[levelFeatures]feature, rise float64) opinion {
	o := opinion{feature: fs[0], cause: levelCauses[0], record: l.records[0].best}
	for i := range fs {
		if fs[i].sd == 0 {
			continue
		}
		r, f := &l.records[i], math.Abs(fs[i].z)
		if s := r.surprise(f, o.surprise); s > o.surprise {
			o = opinion{fs[i], levelCauses[i], s, r.best}
		}
		r.learn(f, rise)
	}
	return o
}

// finish adds what lying outside of everything seen says, and learns the point.
func (l *levels) finish(o *opinion, v float64) {
	if news := l.outside(v); news > 0 {
		if news > o.surprise {
			o.cause = Range
		}
		o.surprise += news
	}
	l.lo, l.hi = min(l.lo, v), max(l.hi, v)
	first := 1 / float64(l.n)
	for i := range l.means {
		l.means[i].add(v, max(first, levelAlphas[i]))
	}
	l.shift.add(v, max(first, shiftAlpha))
}

// outside is what lying outside the range of all values adds to the surprise.
func (l *levels) outside(v float64) float64 {
	if l.n <= warmUp || v >= l.lo && v <= l.hi {
		return 0
	}
	beyond := ratio(max(v-l.hi, l.lo-v), l.hi-l.lo)
	if beyond <= rangeShare {
		return 0
	}
	return rangeBonus * min(1, beyond)
}
