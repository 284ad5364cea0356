package heapdiff

import (
	"slices"
	"time"
)

// Trend is one measure over all snapshots, oldest first.
type Trend struct {
	Values []int64
	// Slope is the median of the slopes of all pairs (Theil–Sen), which one odd
	// snapshot cannot move, in bytes an hour, or a snapshot when times are unknown.
	Slope   float64
	PerHour bool // whether Slope is by the hour
	// PValue is the probability that values in random order would rise at least
	// as steadily (Mann–Kendall, exact, one-sided). It is 1 for fewer than three
	// snapshots: two points are a change, not a trend.
	PValue float64
	// Steps is in how many steps from one snapshot to the next the value rose.
	Steps int
}

// Growth is the change from the first value to the last.
func (t *Trend) Growth() int64 {
	if len(t.Values) == 0 {
		return 0
	}
	return t.Values[len(t.Values)-1] - t.Values[0]
}

// Rising tells whether the value rose in every step.
func (t *Trend) Rising() bool { return len(t.Values) > 1 && t.Steps == len(t.Values)-1 }

// NewTrend computes the trend of values, measured at times. The times are used
// only if all are set and each is later than the one before.
func NewTrend(values []int64, times []time.Time) Trend {
	t := Trend{Values: values, PerHour: ordered(times) && len(times) == len(values), PValue: 1}
	at := func(i int) float64 {
		if t.PerHour {
			return times[i].Sub(times[0]).Hours()
		}
		return float64(i)
	}
	var slopes []float64
	score := 0
	for i := range values {
		for j := range i {
			slopes = append(slopes, float64(values[i]-values[j])/(at(i)-at(j)))
			score += sign(values[i] - values[j])
		}
		if i > 0 && values[i] > values[i-1] {
			t.Steps++
		}
	}
	t.Slope = median(slopes)
	if len(values) >= 3 {
		t.PValue = kendallTail(len(values), score)
	}
	return t
}

func ordered(times []time.Time) bool {
	for i, at := range times {
		if at.IsZero() || i > 0 && !at.After(times[i-1]) {
			return false
		}
	}
	return true
}

func sign(v int64) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	default:
		return 0
	}
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	mid := len(v) / 2
	if len(v)%2 == 1 {
		return v[mid]
	}
	return (v[mid-1] + v[mid]) / 2
}

// kendallTail is the probability that n values in random order, without ties,
// have a Kendall score of at least s. The number of permutations with k
// inversions follows from those of n-1 values, of which the next one can be put
// in n places (Mann 1945, "Nonparametric tests against trend").
func kendallTail(n, s int) float64 {
	pairs := n * (n - 1) / 2
	// A score of s means (pairs-s)/2 inversions at most.
	limit := (pairs - s) / 2
	p := []float64{1} // p[k]: probability of k inversions among m values
	for m := 2; m <= n; m++ {
		next := make([]float64, len(p)+m-1)
		for k, q := range p {
			for d := range m {
				next[k+d] += q / float64(m)
			}
		}
		p = next
	}
	tail := 0.0
	for k := 0; k <= limit && k < len(p); k++ {
		tail += p[k]
	}
	return min(tail, 1)
}
