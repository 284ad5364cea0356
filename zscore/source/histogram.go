package source

import (
	"math"
	"slices"
)

var none = math.NaN()

// Histogram is how many of the measurements lay where. A cumulative one counts
// from its start, the one of a delta from the reading before.
type Histogram struct {
	Count, Sum float64 // Sum is NaN where the source doesn't say it
	// Buckets are in the order of their bounds and do not overlap; each has what
	// lies in it alone.
	Buckets []Bucket
	// Exponential says that the bounds grow by a factor, and a value within a
	// bucket is looked for in the same way.
	Exponential bool
}

// Bucket is the number of measurements above Lower, up to and with Upper. The
// outermost bounds may be infinite.
type Bucket struct {
	Lower, Upper float64
	Count        float64
}

// Mean is that of the measurements, NaN when there are none.
func (h *Histogram) Mean() float64 {
	if !(h.Count > 0) {
		return none
	}
	return h.Sum / h.Count
}

// Quantile estimates the value that the share q of the measurements does not
// exceed, and is NaN when there are none. Within a bucket it is interpolated, as
// Prometheus' histogram_quantile does: in a straight line, and in an exponential
// histogram, around zero apart, by ratio. Above the last bound it is that bound.
func (h *Histogram) Quantile(q float64) float64 {
	total := 0.0
	for _, b := range h.Buckets {
		total += b.Count
	}
	if !(total > 0) {
		return none
	}
	rank := q * total
	for _, b := range h.Buckets {
		if b.Count > 0 && rank <= b.Count {
			return h.within(b, rank/b.Count)
		}
		rank -= b.Count
	}
	// Rounding left a little: the last bucket that holds anything.
	for _, b := range slices.Backward(h.Buckets) {
		if b.Count > 0 {
			return h.within(b, 1)
		}
	}
	return none
}

func (h *Histogram) within(b Bucket, share float64) float64 {
	switch {
	case math.IsInf(b.Upper, 1):
		return b.Lower // -Inf if it is the only bucket: then nothing is known
	case math.IsInf(b.Lower, -1) && b.Upper > 0:
		b.Lower = 0 // a classic histogram's first: what is measured has a size
	case math.IsInf(b.Lower, -1):
		return b.Upper
	}
	if h.Exponential && b.Lower > 0 {
		return b.Lower * math.Pow(b.Upper/b.Lower, share)
	}
	if h.Exponential && b.Upper < 0 {
		return b.Lower * math.Pow(b.Upper/b.Lower, share)
	}
	return b.Lower + (b.Upper-b.Lower)*share
}

// since returns what was counted after before, which is all of it when the
// histogram was reset in between. It is nil where the bounds are others, and so
// nothing can be said of the difference.
func (h *Histogram) since(before *Histogram, reset bool) *Histogram {
	if reset || h.Count < before.Count {
		return h
	}
	out := &Histogram{Count: h.Count - before.Count, Sum: h.Sum - before.Sum, Exponential: h.Exponential}
	out.Buckets = make([]Bucket, 0, len(h.Buckets))
	old := before.Buckets
	for _, b := range h.Buckets {
		for len(old) > 0 && old[0].Upper < b.Upper {
			if old[0].Count > 0 {
				return nil // its measurements are in a bucket of other bounds now
			}
			old = old[1:]
		}
		if len(old) > 0 && old[0].Upper == b.Upper {
			switch {
			case old[0].Lower != b.Lower && old[0].Count > 0:
				return nil
			case b.Count < old[0].Count:
				return h // a reset that more measurements than before hide
			}
			b.Count -= old[0].Count
			old = old[1:]
		}
		out.Buckets = append(out.Buckets, b)
	}
	if slices.ContainsFunc(old, func(b Bucket) bool { return b.Count > 0 }) {
		return nil
	}
	return out
}
