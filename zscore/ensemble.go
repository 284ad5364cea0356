package zscore

import (
	"math"
	"time"
)

// The ensemble's parameters, in points but for the times of day, beside those of
// levels. They were chosen as a structure, by the median score over random sets near them, and
// not by search: a search gained ten points on the series it saw and lost them on
// others.
const (
	warmUp       = 150 // points learnt before the first verdict
	slotHalf     = 40  // half-life of a slot of the day, in points of that slot
	quietPoints  = 120 // how long an alarm silences smaller ones
	slotSeconds  = 1800
	slotsPerDay  = 86400 / slotSeconds
	residualFrom = 1 * 86400       // seconds until residuals of the season are learnt
	seasonFrom   = 5*86400 + 43200 // and until they are judged
	// seasonRules is the share of the variance that may be left once the time of
	// day is known for the season to be taken as the explanation of the series:
	// then a level that moves is no news.
	seasonRules = 0.3
)

var slotAlpha = decay(slotHalf)

// Ensemble judges a point against several baselines at once: three levels of
// different memory, the recent mean against a long one, the same time of day on
// earlier days, and the range of all values. What each says is measured against
// its own record, and the loudest speaks. It needs no parameter, 150 points to
// start and five and a half days to know the times of day. It takes about 1.5 KB a
// series.
type Ensemble struct {
	levels levels
	slots  [slotsPerDay]float64 // means
	seen   [slotsPerDay]uint8   // points of each, up to slotFull
	resid  moments              // of the season
	known  uint32               // residuals learnt
	season record
	start  int64 // Unix seconds of the first point
	quiet  loudest
}

// slotFull is where the number of points of a slot makes no more difference.
const slotFull = 2 * slotHalf

// NewEnsemble returns a detector that has seen nothing yet. Days begin at
// midnight UTC.
func NewEnsemble() *Ensemble { return new(Ensemble) }

// Observe implements [Detector]. The Score is 0 for all but the loudest point of
// the last 120.
func (e *Ensemble) Observe(t time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	sec := t.Unix()
	if e.levels.n == 0 {
		e.start = sec
	}
	fs := e.levels.begin(v)
	slot := e.slot(sec)
	season := e.judgeSeason(&fs, slot, v, sec-e.start)
	o := e.levels.loudest(&fs, raise)
	if season.sd > 0 {
		f := math.Abs(season.z)
		if s := e.season.surprise(f, o.surprise); s > o.surprise {
			o = opinion{feature: season, cause: TimeOfDay, surprise: s}
		}
		e.season.learn(f, raise)
	}
	e.levels.finish(&o, v)
	e.seen[slot] = min(e.seen[slot]+1, slotFull)
	e.slots[slot] += warm(uint32(e.seen[slot]), slotAlpha) * (v - e.slots[slot])
	if e.levels.n < warmUp {
		e.quiet.pass(0, quietPoints)
		nan := math.NaN()
		return Verdict{Value: v, Expected: nan, Low: nan, High: nan, Cause: o.cause}
	}
	return Verdict{
		Value: v, Expected: o.mean, Low: o.mean - o.sd, High: o.mean + o.sd,
		Z: o.z, Score: squash(e.quiet.pass(o.surprise, quietPoints)), State: Ready, Cause: o.cause,
	}
}

// judgeSeason holds v against its slot. Where the slots explain the series it
// mutes the levels. Its sd is 0 while it does not know.
func (e *Ensemble) judgeSeason(fs *[levelFeatures]feature, slot int, v float64, age int64) (season feature) {
	if e.seen[slot] <= 3 {
		return feature{}
	}
	residual := v - e.slots[slot]
	if age > seasonFrom && e.known >= 3 {
		season = against(&e.resid, residual, 0)
		season.mean += e.slots[slot]
	}
	if age > residualFrom {
		e.known = more(e.known)
		e.resid.add(residual, warm(e.known, residualAlpha))
	}
	if age > seasonFrom && e.resid.variance < seasonRules*e.levels.shift.variance {
		for i := range e.levels.means {
			fs[i].z = 0
		}
		fs[shiftAt].z /= 2
	}
	return season
}

func (e *Ensemble) slot(sec int64) int {
	day := sec % 86400
	if day < 0 {
		day += 86400
	}
	return int(day / slotSeconds)
}
