package zscore

import (
	"math"
	"time"
)

// Scale is how the size of a deviation is measured.
type Scale uint8

const (
	// Linear is for gauges: ten above a hundred is as much as ten above a thousand.
	Linear Scale = iota
	// Log is for rates and latencies: a tenth more is as much at any size, above
	// about a fiftieth of the usual.
	Log
)

// The season's parameters. Times are of the series, not numbers of points, since
// a slot is one too.
const (
	slowHalf      = 2 * time.Hour    // half-life of the level of the day
	fastHalf      = 15 * time.Minute // and of the level of the moment
	slotMemory    = 4                // visits that a slot remembers
	minVisits     = 3                // before a slot judges
	poolVisits    = 2                // what all slots together weigh against one
	faultZ        = 4.0              // from here a point is taken for a fault
	faultWeight   = 0.1              // and teaches this much
	absorbAfter   = 24 * time.Hour   // a fault that lasts so long is the new level
	clipLog       = 0.3              // what a point may pull a level by, Log
	clipSD        = 3.0              // and in deviations, Linear
	varianceClip  = 36.0             // what a fault's square counts, in variances
	floorLog      = 0.02             // the smallest deviation, Log
	floorLinear   = 0.002            // and Linear, in units of the usual value
	explainPoints = 100              // judged points before the season may rule alone
	plainHalf     = 40000            // half-life of the plain variance, in points: a week of the day's shape
	unitPoints    = 64               // points that the unit is taken from
	unitShare     = 50               // Log is linear below usual/unitShare
)

var plainAlpha = decay(plainHalf)

// Season holds a point against the same time of day on days of the same kind,
// and against how this day has gone so far. It is for series that people make:
// an opening at nine is expected, and one that does not come is not.
//
// The logarithm or the value itself is taken apart into a mean for each slot of
// the day, a level that follows the day over hours, and one that follows it over
// minutes; a point is judged by its distance from slot and level, in deviations
// that each slot knows for itself. It judges a slot from the third visit on, a
// holiday by weekends until then, and says [Learning] while it cannot.
type Season struct {
	scale  Scale
	clock  clock
	tables [dayKinds]*slotTable
	total  float64 // of the first absolute values
	points int
	unit   float64 // 0 while it is not known

	slow, fast float64
	pool       [2]moments // squares of the distances from slow and fast
	plain      moments    // squares of the distances from a level that knows no slots
	plainLevel float64
	visit      visit
	last       time.Time
	step       time.Duration // that the alphas are for
	alphas     [2]float64

	fault      time.Time // when the running fault began; zero if there is none
	faultLevel moments
	faultSign  float64
}

// visit gathers what one stay in one slot teaches.
type visit struct {
	kind             DayKind
	slot             int
	points, weight   float64
	mean, slow, fast float64 // sums
}

// NewSeason returns a detector that has seen nothing yet. It takes about 2 KB,
// half of that for each kind of day that it has seen.
func NewSeason(schedule *Schedule, scale Scale) *Season {
	s := &Season{scale: scale, clock: clock{schedule: schedule}}
	s.visit.slot = -1
	return s
}

// Observe implements [Detector].
func (s *Season) Observe(t time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	kind, minute := s.clock.at(t.Unix())
	slot := int(s.clock.schedule.slots.ofMinute[minute])
	if !s.knowUnit(v) {
		return judge(v, 0, 0, Learning, TimeOfDay)
	}
	if kind != s.visit.kind || slot != s.visit.slot {
		s.commit()
		s.visit = visit{kind: kind, slot: slot}
	}
	s.advance(t)
	y := s.forward(v)
	if s.plain.n == 0 {
		s.plainLevel = y
	}
	s.plain.add((y-s.plainLevel)*(y-s.plainLevel), plainAlpha)
	s.plainLevel += s.alphas[0] * (y - s.plainLevel)
	stats, of, ok := s.lookup(kind, slot)
	if !ok || of != kind {
		s.begin(y, kind, slot)
	}
	if !ok {
		return judge(v, 0, 0, Learning, TimeOfDay)
	}
	r := y - stats.mean
	slowSD, fastSD := s.sd(stats.varSlow, stats.visits, 0), s.sd(stats.varFast, stats.visits, 1)
	dSlow, dFast := r-s.slow, r-s.fast
	level, sd := s.slow, slowSD
	if math.Abs(dFast)*slowSD > math.Abs(dSlow)*fastSD {
		level, sd = s.fast, fastSD
	}
	z := ratio(r-level, sd)
	if of == kind {
		s.learn(t, r, z, slowSD, fastSD, stats.mean)
	}
	mean := stats.mean + level
	return Verdict{
		Value: v, Expected: s.back(mean), Low: s.back(mean - sd), High: s.back(mean + sd),
		Z: z, Score: squash(math.Abs(z)), State: Ready, Cause: TimeOfDay,
	}
}

// explains reports whether the time of day accounts for most of what the level of
// the day leaves open. Where it doesn't, the season is no baseline.
func (s *Season) explains() bool {
	return s.pool[0].n >= explainPoints && s.pool[0].mean < seasonRules*s.plain.mean
}

// knowUnit takes the unit of the series from its first points, so that nothing
// depends on whether it is in bytes or in kilobytes.
func (s *Season) knowUnit(v float64) bool {
	if s.unit > 0 {
		return true
	}
	s.total += math.Abs(v)
	s.points++
	if s.points >= unitPoints && s.total > 0 {
		s.unit = s.total / float64(s.points)
		if s.scale == Log {
			s.unit /= unitShare
		}
	}
	return false
}

// forward and back turn a value into what is averaged, and return it.
func (s *Season) forward(v float64) float64 {
	x := v / s.unit
	if s.scale == Log {
		return math.Copysign(math.Log1p(math.Abs(x)), x)
	}
	return x
}

func (s *Season) back(y float64) float64 {
	if s.scale == Log {
		return s.unit * math.Copysign(math.Expm1(math.Abs(y)), y)
	}
	return s.unit * y
}

// lookup finds the statistics to judge a slot by, and the kind of day they are
// of. Holidays are rare, and like weekends until enough of them were seen.
func (s *Season) lookup(kind DayKind, slot int) (_ slotStats, of DayKind, ok bool) {
	if stats, ok := s.known(kind, slot); ok || kind != Holiday {
		return stats, kind, ok
	}
	stats, ok := s.known(Weekend, slot)
	return stats, Weekend, ok
}

func (s *Season) known(kind DayKind, slot int) (slotStats, bool) {
	t := s.tables[kind]
	if t == nil {
		return slotStats{}, false
	}
	stats := t.get(slot)
	return stats, stats.visits >= minVisits
}

// sd is the deviation of a slot, drawn towards that of all slots while the slot
// has been visited seldom.
func (s *Season) sd(variance, visits float64, which int) float64 {
	all := s.pool[which].mean
	sd := math.Sqrt((visits*variance + poolVisits*all) / (visits + poolVisits))
	if s.scale == Log {
		return max(sd, floorLog)
	}
	return max(sd, floorLinear)
}

// advance computes how far the levels follow a point, which depends on the time
// since the one before. After a gap they follow it by no more than after an hour.
func (s *Season) advance(t time.Time) {
	step := min(max(t.Sub(s.last), 0), time.Hour)
	if s.last.IsZero() {
		step = 0
	}
	s.last = t
	if step != s.step {
		s.step = step
		s.alphas = [2]float64{decay(float64(slowHalf) / float64(step)), decay(float64(fastHalf) / float64(step))}
		if step == 0 {
			s.alphas = [2]float64{}
		}
	}
}

func (s *Season) learn(t time.Time, r, z, slowSD, fastSD, slotMean float64) {
	weight := 1.0
	if math.Abs(z) >= faultZ {
		weight = faultWeight
	}
	dSlow, dFast := r-s.slow, r-s.fast
	s.gather(slotMean+dSlow, clipSquare(dSlow, slowSD), clipSquare(dFast, fastSD), weight)
	s.pool[0].add(clipSquare(dSlow, slowSD), residualAlpha*weight)
	s.pool[1].add(clipSquare(dFast, fastSD), residualAlpha*weight)
	s.slow += weight * s.alphas[0] * s.clip(dSlow, slowSD)
	s.fast += weight * s.alphas[1] * s.clip(dFast, fastSD)
	s.absorb(t, r, z)
}

// begin learns a point of a slot that cannot judge yet: how far apart its first
// visits lie is all that is known of its deviation.
func (s *Season) begin(y float64, kind DayKind, slot int) {
	square := 0.0
	if t := s.tables[kind]; t != nil {
		if stats := t.get(slot); stats.visits > 0 {
			square = (y - stats.mean) * (y - stats.mean)
		}
	}
	s.gather(y, square, square, 1)
}

func (s *Season) clip(d, sd float64) float64 {
	limit := clipLog
	if s.scale == Linear {
		limit = clipSD * sd
	}
	return min(max(d, -limit), limit)
}

func clipSquare(d, sd float64) float64 { return min(d*d, varianceClip*sd*sd) }

// absorb takes a fault of one sign that will not end for the new level.
func (s *Season) absorb(t time.Time, r, z float64) {
	if math.Abs(z) < faultZ/2 || z*s.faultSign < 0 {
		s.fault, s.faultSign = time.Time{}, 0
		return
	}
	if s.fault.IsZero() {
		s.fault, s.faultSign, s.faultLevel = t, z, moments{}
	}
	s.faultLevel.add(r, residualAlpha)
	if t.Sub(s.fault) >= absorbAfter {
		s.slow, s.fast = s.faultLevel.mean, s.faultLevel.mean
		s.fault, s.faultSign = time.Time{}, 0
	}
}

func (s *Season) gather(mean, slow, fast, weight float64) {
	v := &s.visit
	v.points++
	v.weight += weight
	v.mean += weight * mean
	v.slow += weight * slow
	v.fast += weight * fast
}

// commit teaches the slot what the visit that has ended saw of it.
func (s *Season) commit() {
	v := &s.visit
	if v.points == 0 {
		return
	}
	t := s.tables[v.kind]
	if t == nil {
		t = newSlotTable(s.clock.schedule.slots.slots)
		s.tables[v.kind] = t
	}
	old := t.get(v.slot)
	alpha := max(1/(old.visits+1), decay(slotMemory)) * v.weight / v.points
	if old.visits == 0 {
		alpha = 1
		old = slotStats{}
	}
	toward := func(from, sum float64) float64 { return from + alpha*(sum/v.weight-from) }
	t.set(v.slot, slotStats{
		mean:    toward(old.mean, v.mean),
		varSlow: toward(old.varSlow, v.slow), varFast: toward(old.varFast, v.fast),
		visits: old.visits + 1,
	})
}
