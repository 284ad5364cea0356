package source

import (
	"math"
	"time"
)

// Rate turns the readings of a counter into its growth per second. A counter that
// has gone down was reset in between, and what it shows is what has come since.
// The zero Rate is ready; it belongs to one goroutine.
type Rate struct {
	at    time.Time
	value float64
	known bool
}

// Next returns the mean rate since the reading before, NaN for the first reading,
// for one that is no value, and for one at the same time.
func (r *Rate) Next(at time.Time, value float64) float64 { return r.Since(time.Time{}, at, value) }

// Since is [Rate.Next] of a counter that is known to have begun to count at
// start: a start later than the reading before is a reset, whatever the values.
func (r *Rate) Since(start, at time.Time, value float64) float64 {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return math.NaN()
	}
	was := *r
	seconds := at.Sub(was.at).Seconds()
	if was.known && seconds <= 0 {
		return math.NaN()
	}
	*r = Rate{at, value, true}
	switch {
	case !was.known:
		return math.NaN()
	case value < was.value || start.After(was.at):
		return value / seconds
	}
	return (value - was.value) / seconds
}
