package zscore

import (
	"math"
	"time"
)

// The ensemble's one parameter set, in points but for the times of day. They
// were chosen as a structure, by the median score over random sets near them, and
// not by search: a search gained ten points on the series it saw and lost them on
// others.
const (
	warmUp       = 150  // points learnt before the first verdict
	shortPoints  = 20   // how many points a shift is averaged over
	shiftHalf    = 1000 // half-life of the level a shift is held against
	slotHalf     = 40   // half-life of a slot of the day, in points of that slot
	quietPoints  = 120  // how long an alarm silences smaller ones
	floorShare   = 0.05 // of the slowest deviation, added to every deviation
	slotSeconds  = 1800
	slotsPerDay  = 86400 / slotSeconds
	residualFrom = 1 * 86400       // seconds until residuals of the season are learnt
	seasonFrom   = 5*86400 + 43200 // and until they are judged
	// seasonRules is the share of the variance that may be left once the time of
	// day is known for the season to be taken as the explanation of the series:
	// then a level that moves is no news.
	seasonRules = 0.3
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
	slotAlpha     = decay(slotHalf)
	residualAlpha = decay(usualHalfLife)
)

// The features, in the order of Ensemble.records.
const (
	features   = len(levelHalves) + 2
	shiftAt    = len(levelHalves)
	seasonAt   = len(levelHalves) + 1
	slowestLvl = len(levelHalves) - 1
)

var featureCauses = [features]Cause{Minutes, Hours, Days, Shift, TimeOfDay}

// Ensemble judges a point against several baselines at once: three levels of
// different memory, the recent mean against a long one, the same time of day on
// earlier days, and the range of all values. What each says is measured against
// its own record, and the loudest speaks. It needs no parameter, 150 points to
// start and five and a half days to know the times of day. It takes about 2 KB a
// series.
type Ensemble struct {
	levels  [len(levelHalves)]moments
	shift   moments
	recent  [shortPoints]float64
	slots   [slotsPerDay]moments
	resid   moments // of the season
	records [features]record
	lo, hi  float64
	start   int64 // Unix seconds of the first point
	n       int   // points learnt
	quiet   loudest
}

// NewEnsemble returns a detector that has seen nothing yet. Days begin at
// midnight UTC.
func NewEnsemble() *Ensemble { return new(Ensemble) }

// feature is what one baseline says: how far off the point is, in deviations,
// with what was expected.
type feature struct {
	z, mean, sd float64
	known       bool
}

// Observe implements [Detector]. The Score is 0 for all but the loudest point of
// the last 120.
func (e *Ensemble) Observe(t time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	o := e.observe(t.Unix(), v, features, raise)
	if e.n < warmUp {
		e.quiet.pass(0, quietPoints)
		nan := math.NaN()
		return Verdict{Value: v, Expected: nan, Low: nan, High: nan, Cause: o.cause}
	}
	return Verdict{
		Value: v, Expected: o.mean, Low: o.mean - o.sd, High: o.mean + o.sd,
		Z: o.z, Score: squash(e.quiet.pass(o.surprise, quietPoints)), State: Ready, Cause: o.cause,
	}
}

// opinion is the loudest feature, with how large it is for itself.
type opinion struct {
	feature
	cause    Cause
	surprise float64
	record   float64 // the largest z that it had shown
}

// observe judges and learns a value at a time in Unix seconds. It asks the first
// so many features only, and lets a point raise a record by no more than rise.
func (e *Ensemble) observe(sec int64, v float64, asked int, rise float64) opinion {
	if e.n == 0 {
		e.start, e.lo, e.hi = sec, v, v
	}
	e.recent[e.n%shortPoints] = v
	e.n++
	fs := e.features(sec, v)
	var o opinion
	for i := range asked {
		if !fs[i].known {
			continue
		}
		record := e.records[i].best
		if s := e.records[i].surprise(math.Abs(fs[i].z), rise); s > o.surprise || i == 0 {
			o = opinion{fs[i], featureCauses[i], s, record}
		}
	}
	if news := e.outside(v); news > 0 {
		if news > o.surprise {
			o.cause = Range
		}
		o.surprise += news
	}
	e.learn(sec, v)
	return o
}

// features asks every baseline. Those that do not know yet say so.
func (e *Ensemble) features(sec int64, v float64) (fs [features]feature) {
	floor := floorShare * e.levels[slowestLvl].sd()
	for i := range e.levels {
		fs[i] = against(&e.levels[i], v, floor)
	}
	fs[shiftAt] = against(&e.shift, e.recentMean(), floor)
	slot := e.slot(sec)
	if slot.n <= 3 {
		return fs
	}
	residual, age := v-slot.mean, sec-e.start
	if age > seasonFrom {
		f := against(&e.resid, residual, 0)
		f.mean += slot.mean
		fs[seasonAt] = f
	}
	if age > residualFrom {
		e.resid.add(residual, residualAlpha)
	}
	if age > seasonFrom && e.resid.variance < seasonRules*e.shift.variance {
		for i := range e.levels {
			fs[i].z = 0
		}
		fs[shiftAt].z /= 2
	}
	return fs
}

func against(m *moments, v, floor float64) feature {
	if m.n < 3 {
		return feature{}
	}
	return feature{m.z(v, floor), m.mean, m.sd() + floor, true}
}

func (e *Ensemble) recentMean() float64 {
	n, sum := min(e.n, shortPoints), 0.0
	for _, v := range e.recent[:n] {
		sum += v
	}
	return sum / float64(n)
}

// outside is what lying outside the range of all values adds to the surprise.
func (e *Ensemble) outside(v float64) float64 {
	if e.n <= warmUp || v >= e.lo && v <= e.hi {
		return 0
	}
	beyond := ratio(max(v-e.hi, e.lo-v), e.hi-e.lo)
	if beyond <= rangeShare {
		return 0
	}
	return rangeBonus * min(1, beyond)
}

func (e *Ensemble) slot(sec int64) *moments {
	day := sec % 86400
	if day < 0 {
		day += 86400
	}
	return &e.slots[day/slotSeconds]
}

func (e *Ensemble) learn(sec int64, v float64) {
	e.lo, e.hi = min(e.lo, v), max(e.hi, v)
	for i := range e.levels {
		e.levels[i].add(v, levelAlphas[i])
	}
	e.shift.add(v, shiftAlpha)
	e.slot(sec).add(v, slotAlpha)
}
