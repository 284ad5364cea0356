package zscore

import (
	"math"
	"time"
)

// Auto is the detector of a rule that names none: the [Season] where the time of
// day explains the series, and the other baselines of the [Ensemble] where it does
// not, or not yet. It takes less than 4 KB a series.
//
// The ensemble alone can say which point is news, and not when the news is over:
// what was loud once is no longer news a point later. So the first loud point
// fixes the baseline that those after it are held against, until they have come
// back to it or have stayed away for good. An alert condition can then ask for
// how long.
type Auto struct {
	season Season
	levels levels
	start  int64 // Unix seconds of the first point of levels
	news   news
}

// news is a departure from a baseline that is going on.
type news struct {
	expected, sd float64
	cause        Cause
	calm         uint8  // points in a row near the baseline
	points       uint16 // since it began; 0 while there is none
}

const (
	// newsAt is how many times its own record a point must be to be news, and
	// firstNewsAt the same while no whole day is in the record.
	newsAt      = 1.75
	firstNewsAt = 2.5
	// newsRise is what one point may do to a record, as a factor. It is less than
	// the ensemble's own, since a fault may come again and shall page again; the
	// points after the first that is news do nothing to it at all.
	newsRise = 1.1
	// calmPoints near the old baseline, or newsPoints in all, end the news.
	calmPoints = shortPoints
	newsPoints = 1440
)

// NewAuto returns a detector that has seen nothing yet. The schedule may be
// shared by any number of them.
func NewAuto(schedule *Schedule, scale Scale) *Auto {
	return &Auto{season: *NewSeason(schedule, scale)}
}

// Observe implements [Detector]. The ensemble's Z is put on the season's scale,
// on which it alarms at 4.
func (a *Auto) Observe(t time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	sec := t.Unix()
	season := a.season.Observe(t, v)
	if a.season.unit == 0 {
		return season
	}
	rise := newsRise
	if a.news.points > 0 {
		rise = 1
	}
	y := a.season.forward(v)
	if a.levels.n == 0 {
		a.start = sec
	}
	fs := a.levels.begin(y)
	o := a.levels.loudest(&fs, rise)
	a.levels.finish(&o, y)
	if season.State == Ready && a.season.explains() {
		a.news.points = 0
		return season
	}
	if _, minute := a.season.clock.at(sec); a.levels.n < warmUp || a.season.clock.schedule.slots.nearEdge[minute] {
		season.State = Learning // the ensemble knows of no calendar
		season.Z, season.Score = 0, 0
		return season
	}
	limit := newsAt
	if sec-a.start < 86400 {
		limit = firstNewsAt
	}
	out := a.news.follow(y, o, limit)
	out.Value, out.Expected = v, a.season.back(out.Expected)
	out.Low, out.High = a.season.back(out.Low), a.season.back(out.High)
	return out
}

// follow judges v by the baseline of the news, and without news by the opinion.
func (n *news) follow(v float64, o opinion, limit float64) Verdict {
	sd := o.sd * limit * o.record / faultZ
	if n.points == 0 {
		z := math.Copysign(faultZ*o.surprise/limit, o.z)
		if o.surprise < limit {
			return verdict(v, o.mean, sd, z, o.cause)
		}
		*n = news{expected: o.mean, sd: sd, cause: o.cause}
	}
	z := ratio(v-n.expected, n.sd)
	n.points++
	if n.calm++; math.Abs(z) >= faultZ/2 {
		n.calm = 0
	}
	if n.calm >= calmPoints || n.points >= newsPoints {
		n.points = 0
	}
	return verdict(v, n.expected, n.sd, z, n.cause)
}

func verdict(v, mean, sd, z float64, cause Cause) Verdict {
	return Verdict{
		Value: v, Expected: mean, Low: mean - sd, High: mean + sd,
		Z: z, Score: squash(math.Abs(z)), State: Ready, Cause: cause,
	}
}

// Absorb takes what goes on for normal, as [Season.Absorb] does.
func (a *Auto) Absorb() {
	a.season.Absorb()
	a.news = news{}
}
