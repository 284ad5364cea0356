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
	poolVisits    = 4                // what all slots together weigh against one
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
	unitShare     = 50               // Log is linear below usual/unitShare,
	noiseShare    = 4                // or below the noise, up to usual/noiseShare
)

var (
	plainAlpha = decay(plainHalf)
	slotDecay  = decay(slotMemory)
)

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
	moved  float64 // between them, and before is the last
	before float64
	points int
	unit   float64 // 0 while it is not known

	slow, fast float64
	pool       [2]float64 // mean squares of the distances from slow and fast
	pooled     uint32     // points in pool
	plained    uint32     // and in plain
	plain      float64    // mean square of that from a level that knows no slots
	plainLevel float64
	visit      visit
	visitSD    [2]float64 // the slot's deviations, 0 while they are not computed
	last       int64      // time of the last point, Unix nanoseconds; never is none
	step       int64      // nanoseconds that the alphas are for
	alphas     [2]float64

	fault      int64 // when the running fault began; never if there is none
	faultLevel float64
	faults     uint32 // points of it
	faultSign  float64
}

// never is no time of a point.
const never = math.MinInt64

// visit gathers what one stay in one slot teaches.
type visit struct {
	kind             DayKind
	slot             int16
	points           uint32
	weight           float64
	mean, slow, fast float64 // sums
}

// NewSeason returns a detector that has seen nothing yet. It takes up to 3.5 KB,
// the most of it for workdays and weekends.
func NewSeason(schedule *Schedule, scale Scale) *Season {
	s := &Season{scale: scale, clock: clock{schedule: schedule}, last: never, fault: never}
	s.visit.slot = -1
	return s
}

// Observe implements [Detector].
func (s *Season) Observe(t time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	kind, minute := s.clock.at(t.Unix())
	if !s.knowUnit(v) {
		return judge(v, 0, 0, Learning, TimeOfDay)
	}
	slots := s.clock.schedule.slots
	slot := int(slots.ofMinute[kind][minute])
	if kind != s.visit.kind || slot != int(s.visit.slot) {
		s.commit()
		s.visit = visit{kind: kind, slot: int16(slot)}
		s.visitSD = [2]float64{}
	}
	nanos := t.UnixNano()
	s.advance(nanos)
	y := s.forward(v)
	s.knowPlain(y)
	stats, of, ok := s.known(kind, slot)
	if !ok && kind == Holiday {
		// Holidays are rare, and like weekends until enough of them were seen.
		of = Weekend
		stats, _, ok = s.known(of, int(slots.ofMinute[of][minute]))
	}
	if !ok || of != kind {
		s.begin(y, kind, slot)
	}
	if !ok {
		return judge(v, 0, 0, Learning, TimeOfDay)
	}
	// A slot's deviations stay while it is visited, once the pool hardly moves.
	if s.visitSD[0] == 0 || s.pooled < explainPoints {
		s.visitSD = s.sds(stats)
	}
	d := s.hold(y, stats.mean, s.visitSD)
	if of == kind {
		s.learn(&d)
	}
	out := d
	if math.Abs(d.z) >= faultZ {
		out = s.orBeside(y, d, of, minute)
	}
	s.follow(nanos, &d)
	return s.verdict(v, &out)
}

// orBeside holds a point that looks like a fault against the slot next to its own
// too, if that is a minute away at most: what a day does at some time it may do a
// little sooner or later. What the calendar names is exact.
func (s *Season) orBeside(y float64, d distance, kind DayKind, minute int) distance {
	if slot, ok := s.clock.schedule.slots.beside(kind, minute); ok {
		if stats, _, ok := s.known(kind, slot); ok {
			if other := s.hold(y, stats.mean, s.sds(stats)); math.Abs(other.z) < math.Abs(d.z) {
				return other
			}
		}
	}
	return d
}

// distance is how far a point lies from a slot and the levels.
type distance struct {
	slot, rest     float64 // the slot's mean, and the point less that
	slowSD, fastSD float64
	level, sd, z   float64 // of the louder level
}

func (s *Season) hold(y, mean float64, sds [2]float64) distance {
	d := distance{slot: mean, rest: y - mean, slowSD: sds[0], fastSD: sds[1]}
	d.level, d.sd = s.slow, d.slowSD
	if math.Abs(d.rest-s.fast)*d.slowSD > math.Abs(d.rest-s.slow)*d.fastSD {
		d.level, d.sd = s.fast, d.fastSD
	}
	d.z = ratio(d.rest-d.level, d.sd)
	return d
}

func (s *Season) verdict(v float64, d *distance) Verdict {
	out := Verdict{Value: v, Z: d.z, Score: squash(math.Abs(d.z)), State: Ready, Cause: TimeOfDay}
	out.Low, out.Expected, out.High = s.band(d.slot+d.level, d.sd)
	return out
}

// explains reports whether the time of day accounts for most of what the level of
// the day leaves open. Where it doesn't, the season is no baseline.
func (s *Season) explains() bool {
	return s.pooled >= explainPoints && s.pool[0] < seasonRules*s.plain
}

// knowPlain learns how far the series lies from a level that knows no slots.
func (s *Season) knowPlain(y float64) {
	if s.plained == 0 {
		s.plainLevel = y
	}
	s.plained = more(s.plained)
	d := y - s.plainLevel
	s.plain += warm(s.plained, plainAlpha) * (d*d - s.plain)
	s.plainLevel += s.alphas[0] * d
}

// knowUnit takes the unit of the series from its first points, so that nothing
// depends on whether it is in bytes or in kilobytes.
func (s *Season) knowUnit(v float64) bool {
	if s.unit > 0 {
		return true
	}
	s.total += math.Abs(v)
	if s.points > 0 {
		s.moved += math.Abs(v - s.before)
	}
	s.before = v
	s.points++
	if s.points >= unitPoints && s.total > 0 {
		usual := s.total / float64(s.points)
		s.unit = usual
		if s.scale == Log {
			// A few requests a minute are as often none: in their logarithm none
			// would be news.
			s.unit = min(max(usual/unitShare, s.moved/float64(s.points-1)), usual/noiseShare)
		}
	}
	return false
}

// forward and back turn a value into what is averaged, and return it.
func (s *Season) forward(v float64) float64 {
	x := v / s.unit
	if s.scale == Log {
		return math.Copysign(math.Log(1+math.Abs(x)), x)
	}
	return x
}

func (s *Season) back(y float64) float64 {
	if s.scale == Log {
		return s.unit * math.Copysign(math.Expm1(math.Abs(y)), y)
	}
	return s.unit * y
}

// band returns what stands for mean-sd, mean and mean+sd in the units of the
// series.
func (s *Season) band(mean, sd float64) (low, middle, high float64) {
	if s.scale == Log && mean >= sd {
		m, d := math.Exp(mean), math.Exp(sd)
		return s.unit * (m/d - 1), s.unit * (m - 1), s.unit * (m*d - 1)
	}
	return s.back(mean - sd), s.back(mean), s.back(mean + sd)
}

// known answers what there is on a slot, and whether that is enough to judge by.
func (s *Season) known(kind DayKind, slot int) (_ slotStats, of DayKind, ok bool) {
	t := s.tables[kind]
	if t == nil {
		return slotStats{}, kind, false
	}
	stats := t.get(slot)
	return stats, kind, stats.visits >= minVisits
}

// sds are the deviations of a slot from the slow and the fast level.
func (s *Season) sds(stats slotStats) [2]float64 {
	share := float64(stats.visits) / (float64(stats.visits) + poolVisits)
	return [2]float64{s.sd(stats.varSlow, share, 0), s.sd(stats.varFast, share, 1)}
}

// sd is the deviation of a slot, drawn towards that of all slots while the slot
// has been visited seldom: share is what it counts for itself.
func (s *Season) sd(variance, share float64, which int) float64 {
	sd := math.Sqrt(share*variance + (1-share)*s.pool[which])
	if variance < s.pool[which] && variance > 0 {
		// The geometric mean: what is small in one is not lost in the other.
		sd = math.Exp2((share*math.Log2(variance) + (1-share)*math.Log2(s.pool[which])) / 2)
	}
	if s.scale == Log {
		return max(sd, floorLog)
	}
	return max(sd, floorLinear)
}

// advance computes how far the levels follow a point, which depends on the time
// since the one before. After a gap they follow it by no more than after an hour.
func (s *Season) advance(nanos int64) {
	step := int64(0)
	if s.last != never {
		step = min(max(nanos-s.last, 0), int64(time.Hour))
	}
	s.last = nanos
	if step != s.step {
		s.step = step
		s.alphas = [2]float64{decayOver(step, slowHalf), decayOver(step, fastHalf)}
	}
}

// decayOver is decay for a step of time, which is another at each point. For short
// ones the first terms of the series are exact to a millionth, and cheaper.
func decayOver(step int64, half time.Duration) float64 {
	x := math.Ln2 * float64(step) / float64(half)
	if x > 0.1 {
		return -math.Expm1(-x)
	}
	return x * (1 - x/2*(1-x/3*(1-x/4)))
}

// weigh is how much a point counts that lies so far off.
func weigh(z float64) float64 {
	if math.Abs(z) >= faultZ {
		return faultWeight
	}
	return 1
}

// learn takes a point for its slot.
func (s *Season) learn(d *distance) {
	weight := weigh(d.z)
	dSlow := d.rest - s.slow
	slow, fast := clipSquare(dSlow, d.slowSD), clipSquare(d.rest-s.fast, d.fastSD)
	s.gather(d.slot+dSlow, slow, fast, weight)
	s.pooled = more(s.pooled)
	alpha := warm(s.pooled, residualAlpha*weight)
	s.pool[0] += alpha * (slow - s.pool[0])
	s.pool[1] += alpha * (fast - s.pool[1])
}

// follow has the levels follow a point, on a holiday too that is held against
// weekends: its level is its own.
func (s *Season) follow(at int64, d *distance) {
	weight := weigh(d.z)
	s.slow += weight * s.alphas[0] * s.clip(d.rest-s.slow, d.slowSD)
	s.fast += weight * s.alphas[1] * s.clip(d.rest-s.fast, d.fastSD)
	s.absorb(at, d.rest, d.z)
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
func (s *Season) absorb(at int64, r, z float64) {
	if math.Abs(z) < faultZ/2 || z*s.faultSign < 0 {
		s.fault, s.faultSign = never, 0
		return
	}
	if s.fault == never {
		s.fault, s.faultSign, s.faultLevel, s.faults = at, z, 0, 0
	}
	s.faults++
	s.faultLevel += warm(s.faults, residualAlpha) * (r - s.faultLevel)
	if at-s.fault >= int64(absorbAfter) {
		s.Absorb()
	}
}

// Absorb takes the fault that goes on, if any, for the new level at once.
func (s *Season) Absorb() {
	if s.fault != never {
		s.slow, s.fast = s.faultLevel, s.faultLevel
		s.fault, s.faultSign = never, 0
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
		t = newSlotTable(s.clock.schedule.slots.slots[v.kind])
		s.tables[v.kind] = t
	}
	old := t.get(int(v.slot))
	alpha := max(1/(float64(old.visits)+1), slotDecay) * v.weight / float64(v.points)
	if old.visits == 0 {
		alpha = 1
		old = slotStats{}
	}
	toward := func(from, sum float64) float64 { return from + alpha*(sum/v.weight-from) }
	t.set(int(v.slot), slotStats{
		mean:    toward(old.mean, v.mean),
		varSlow: toward(old.varSlow, v.slow), varFast: toward(old.varFast, v.fast),
		visits: old.visits + 1,
	})
}
