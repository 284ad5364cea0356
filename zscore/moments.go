package zscore

import "math"

// moments are an exponentially weighted mean and variance. See T. Finch, Incremental calculation of weighted mean and variance,
// University of Cambridge, 2009, section 9.
type moments struct{ mean, variance float64 }

// decay is the weight of the newest point for a half-life in points.
func decay(halfLife float64) float64 { return 1 - math.Exp2(-1/halfLife) }

// warm is alpha, but while few points are known, n with this one, each weighs the
// same, so that the first does not rule for a whole half-life.
func warm(n uint32, alpha float64) float64 { return max(1/float64(n), alpha) }

// more counts up, and stops where it would begin anew.
func more(n uint32) uint32 {
	if n == math.MaxUint32 {
		return n
	}
	return n + 1
}

// add learns x with the weight alpha.
func (m *moments) add(x, alpha float64) {
	d := x - m.mean
	m.mean += alpha * d
	m.variance = (1 - alpha) * (m.variance + alpha*d*d)
}

// flat is the share of a mean below which its changes are rounding, not
// movement: the floor of a constant series' standard deviation.
const flat = 1e-6

func (m *moments) sd() float64 { return math.Sqrt(m.variance) + flat*math.Abs(m.mean) }

// z is how many standard deviations x lies from the mean; floor is added to the
// deviation and has the units of x.
func (m *moments) z(x, floor float64) float64 { return ratio(x-m.mean, m.sd()+floor) }

// ratio divides within the bounds of MaxZ. Something against nothing is as far
// off as can be, and nothing against nothing is not off at all.
func ratio(d, sd float64) float64 {
	switch {
	case d == 0:
		return 0
	case math.Abs(d) >= MaxZ*sd: // also where sd is 0
		return math.Copysign(MaxZ, d)
	}
	return d / sd
}

// maxValue is the largest magnitude whose squares can still be summed.
const maxValue = 1e140

func isValue(v float64) bool { return math.Abs(v) <= maxValue } // false of NaN too

// absent is the verdict on a point without a value.
func absent(v float64) Verdict {
	nan := math.NaN()
	return Verdict{Value: v, Expected: nan, Low: nan, High: nan, State: Absent}
}

// judge is the verdict of a plain baseline.
func judge(v, mean, sd float64, state State, cause Cause) Verdict {
	out := Verdict{Value: v, Expected: mean, Low: mean - sd, High: mean + sd, State: state, Cause: cause}
	if state == Ready {
		out.Z = ratio(v-mean, sd)
		out.Score = squash(math.Abs(out.Z))
	} else {
		out.Expected, out.Low, out.High = math.NaN(), math.NaN(), math.NaN()
	}
	return out
}

// squash maps a surprise from 0 to infinity onto 0 to 1, and 4, the z at which
// most people would look, onto a half.
func squash(s float64) float64 { return s / (s + 4) }
