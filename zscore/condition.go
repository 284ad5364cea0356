package zscore

import (
	"fmt"
	"math"
	"time"
)

// Rule is when a series of verdicts is worth an alert. The zero Rule alerts on
// nothing; [DefaultRule] is where to start.
type Rule struct {
	// Fire and Resolve are sizes of z: an alert begins at the first and ends below
	// the second, which is smaller, so that it does not flicker between them.
	Fire, Resolve float64
	// For is how long z must stay at Fire before the alert begins, and Quiet how
	// long below Resolve before it ends. A point counts for the time since the one
	// before.
	For, Quiet time.Duration
	// MinRelative and MinAbsolute are how far from what was expected a value must
	// lie whatever its z: as a share of that, and in the units of the series.
	MinRelative, MinAbsolute float64
	// Up and Down are the directions that count.
	Up, Down bool
	// AbsentAfter is how long a series may be silent before that is an alert of
	// its own; 0 is never.
	AbsentAfter time.Duration
}

// DefaultRule alerts in both directions on what is four deviations and a quarter
// off for 45 seconds.
func DefaultRule() Rule {
	return Rule{Fire: 4, Resolve: 2, For: 45 * time.Second, Quiet: 5 * time.Minute, MinRelative: 0.25, Up: true, Down: true}
}

const (
	leastAbsent     = 2 * time.Minute
	intervalsAbsent = 4
)

// AbsentAfter is the AbsentAfter of a rule that names none, for a series with a
// point in each interval: a scrape or two may fail.
func AbsentAfter(interval time.Duration) time.Duration {
	return max(leastAbsent, intervalsAbsent*interval)
}

// Check reports what is wrong with the rule, or nil.
func (r Rule) Check() error {
	switch {
	case !(r.Fire > 0) || !(r.Resolve > 0) || r.Resolve > r.Fire:
		return fmt.Errorf("z fire %v and resolve %v: want 0 < resolve ≤ fire", r.Fire, r.Resolve)
	case r.For < 0 || r.Quiet < 0 || r.AbsentAfter < 0:
		return fmt.Errorf("for %v, quiet %v and absent %v: durations are not negative", r.For, r.Quiet, r.AbsentAfter)
	case !(r.MinRelative >= 0) || !(r.MinAbsolute >= 0):
		return fmt.Errorf("minimum deviations of %v and %v: want 0 or more", r.MinRelative, r.MinAbsolute)
	case !r.Up && !r.Down:
		return fmt.Errorf("neither up nor down counts: nothing could alert")
	}
	return nil
}

// Direction is to which side of its baseline a series has gone.
type Direction uint8

// The directions that there are.
const (
	Up Direction = iota
	Down
	Gone // there are no values
)

// String is "up", "down" or "absent".
func (d Direction) String() string { return [...]string{"up", "down", "absent"}[d] }

// Alert is a stretch of time in which a series was not as expected.
type Alert struct {
	Start, End time.Time // of the first point past Fire, and of the last one past Resolve
	Direction  Direction
	// Peak is the verdict with the largest z.
	Peak Verdict
}

// Event is what a point does to an alert.
type Event uint8

// The events that there are.
const (
	Nothing Event = iota
	Fired
	Resolved
)

// Condition turns the verdicts on one series into alerts: none, pending, firing,
// resolving. It belongs to one goroutine.
type Condition struct {
	rule   Rule
	alert  Alert
	firing bool
	since  time.Time // of the first point of the pending stretch; zero if none
	calm   time.Time // and of the quiet one
	points int       // of the pending stretch, up to enoughPoints
	sum    float64   // of their sizes of z
	last   time.Time
	// absorbed says that what it would fire for was declared normal, until it has
	// been calm.
	absorbed bool
}

// NewCondition returns a condition of this rule in the state of no alert.
func NewCondition(r Rule) (*Condition, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	return &Condition{rule: r}, nil
}

// ResumeCondition returns a condition in which a is running, as it was before a
// restart. The time in between is neither silence nor calm.
func ResumeCondition(r Rule, a Alert) (*Condition, error) {
	c, err := NewCondition(r)
	if err != nil {
		return nil, err
	}
	c.alert, c.firing = a, true
	return c, nil
}

// Skip has the time until the next point count as neither silence nor calm:
// nobody was listening.
func (c *Condition) Skip() { c.last = time.Time{} }

// End ends the running alert, if there is one, without a verdict. With absorb, it
// also stays silent about what goes on until the series has been calm for Quiet:
// somebody has said that it is normal.
func (c *Condition) End(absorb bool) {
	c.firing, c.since, c.calm = false, time.Time{}, time.Time{}
	c.absorbed = absorb
}

// Observe takes the verdict on the point at t, later than the one before. When
// it answers Fired or Resolved, Alert has the details.
func (c *Condition) Observe(t time.Time, v Verdict) Event {
	gap := t.Sub(c.last)
	if c.last.IsZero() {
		gap = 0
	}
	if v.State != Absent {
		defer func() { c.last = t }()
	}
	if absent := c.rule.AbsentAfter; absent > 0 && gap > absent && !c.firing {
		c.alert = Alert{Start: c.last, End: t, Direction: Gone, Peak: v}
		c.firing, c.since, c.calm = true, time.Time{}, time.Time{}
		if v.State != Absent {
			c.calm = t // it is back, and the gap was no quiet time
		}
		return Fired
	}
	if v.State == Absent {
		return Nothing
	}
	if c.firing {
		return c.whileFiring(t, gap, v)
	}
	return c.whileCalm(t, gap, v)
}

// Alert is the running alert, or the last one.
func (c *Condition) Alert() Alert { return c.alert }

// Firing reports whether an alert is running.
func (c *Condition) Firing() bool { return c.firing }

func (c *Condition) whileCalm(t time.Time, gap time.Duration, v Verdict) Event {
	if c.absorbed {
		c.whileAbsorbed(t, gap, v)
		return Nothing
	}
	direction, off := c.off(v, c.rule.Fire)
	if !off {
		c.since = time.Time{}
		return Nothing
	}
	if c.since.IsZero() || direction != c.alert.Direction {
		c.since, c.points, c.sum = t, 0, 0
		c.alert = Alert{Start: t, Direction: direction, Peak: v}
	}
	c.alert.raise(t, v)
	if c.points < enoughPoints {
		c.points++
		c.sum += math.Abs(v.Z)
	}
	if t.Sub(c.since)+gap < c.rule.For || !c.enough() {
		return Nothing
	}
	c.firing, c.since, c.calm = true, time.Time{}, time.Time{}
	return Fired
}

// enoughPoints in a row are no chance. One or two may be, where points are so far
// apart that they alone last for the time of the rule: of a day of minutes one in
// some thousand lies four deviations off. They count if they are louder, by the
// factor here, on the mean.
const enoughPoints = 3

var louder = [enoughPoints]float64{1: 2, 2: 1.25}

func (c *Condition) enough() bool {
	return c.points >= enoughPoints || c.rule.For == 0 || c.sum >= float64(c.points)*c.rule.Fire*louder[c.points]
}

// whileAbsorbed waits until the baseline has followed, or the series come back.
func (c *Condition) whileAbsorbed(t time.Time, gap time.Duration, v Verdict) {
	if _, off := c.off(v, c.rule.Resolve); off {
		c.calm = time.Time{}
		return
	}
	if c.calm.IsZero() {
		c.calm = t
	}
	if t.Sub(c.calm)+gap >= c.rule.Quiet {
		c.absorbed, c.calm = false, time.Time{}
	}
}

func (c *Condition) whileFiring(t time.Time, gap time.Duration, v Verdict) Event {
	direction, off := c.off(v, c.rule.Resolve)
	if off && (direction == c.alert.Direction || c.alert.Direction == Gone) {
		c.alert.raise(t, v)
		c.calm = time.Time{}
		return Nothing
	}
	if c.calm.IsZero() {
		c.calm = t
	}
	if t.Sub(c.calm)+gap < c.rule.Quiet {
		return Nothing
	}
	c.firing = false
	return Resolved
}

// off says whether v counts at this size of z, and to which side.
func (c *Condition) off(v Verdict, z float64) (Direction, bool) {
	if v.State != Ready || math.Abs(v.Z) < z {
		return Up, false
	}
	away := math.Abs(v.Value - v.Expected)
	if away < c.rule.MinAbsolute || away < c.rule.MinRelative*math.Abs(v.Expected) {
		return Up, false
	}
	if v.Z > 0 {
		return Up, c.rule.Up
	}
	return Down, c.rule.Down
}

func (a *Alert) raise(t time.Time, v Verdict) {
	a.End = t
	if math.Abs(v.Z) > math.Abs(a.Peak.Z) {
		a.Peak = v
	}
}
