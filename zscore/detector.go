package zscore

import "time"

// Detector judges the points of one series.
type Detector interface {
	// Observe judges v, the value at t, by the points observed before, and then
	// learns it. A NaN, an infinity and a magnitude above 1e140, whose square is
	// no number, are no values: they are answered with Absent and teach nothing. Times go forward; a point that is not later than the one
	// before is judged like any other, but a season learns it in its own slot.
	Observe(t time.Time, v float64) Verdict
}

// Verdict is what a [Detector] says of one point.
type Verdict struct {
	Value float64
	// Expected is the value at the heart of the baseline, and Low and High are
	// where Z is -1 and 1, all in the units of the series. A chart's band is
	// Expected ± n·(High-Expected). NaN while there is no baseline.
	Expected, Low, High float64
	// Z says how many standard deviations of the baseline Value lies from
	// Expected: above it when positive. Its size is at most MaxZ.
	Z float64
	// Score is the surprise, from 0 for none to nearly 1. A plain detector's
	// grows with |Z|; the ensemble's compares Z with what is usual for the
	// series, and is what to alarm on there.
	Score float64
	State State
	// Cause is the baseline that Expected, Z and Score speak of.
	Cause Cause
}

// MaxZ bounds [Verdict.Z]: beyond it one number is as far off as another, and a
// series that never moved before would answer with infinity.
const MaxZ = 1e6

// State is how far a verdict can be relied on.
type State uint8

// The states that there are.
const (
	Learning State = iota // too few points were seen to judge; Score is 0
	Ready                 // the point was judged
	Absent                // there was no value to judge
)

// String names the state in a lower-case word.
func (s State) String() string { return [...]string{"learning", "ready", "absent"}[s] }

// Cause is the kind of baseline a point was judged by.
type Cause uint8

// The baselines that there are.
const (
	Window    Cause = iota // the last n points
	Minutes                // a fading mean over tens of points
	Hours                  // over hundreds
	Days                   // over thousands
	Shift                  // the mean of the last points against that of many
	TimeOfDay              // the same time on earlier days
	Range                  // everything ever seen
)

// String says the cause as the object of "unusual against …".
func (c Cause) String() string {
	return [...]string{
		"the last points", "the last minutes", "the last hours", "the last days",
		"the usual level", "this time on other days", "everything seen so far",
	}[c]
}
