package zscore

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// MAD is the z-score against the median and the median absolute deviation of the
// last n points, which up to half of them can be wrong without moving far. A
// point costs O(n) in the worst case, a move of n values in memory; the deviation
// is found in O(log n) steps of a search in the sorted window.
type MAD struct {
	ring   []float64 // in the order of time
	sorted []float64
	next   int
}

// NewMAD returns a detector over the last points, at least 10. It takes 16 bytes
// a point.
func NewMAD(points int) (*MAD, error) {
	if points < minPoints {
		return nil, fmt.Errorf("a MAD z-score over %d points: it wants at least %d", points, minPoints)
	}
	return &MAD{ring: make([]float64, 0, points), sorted: make([]float64, 0, points)}, nil
}

// What makes the two deviations estimate the standard deviation of a normal
// distribution: 1/Φ⁻¹(3/4) and √(π/2). See B. Iglewicz and D. C. Hoaglin, How to
// Detect and Handle Outliers, ASQC 1993.
const (
	madToSD     = 1.4826022185056018
	meanDevToSD = 1.2533141373155003
)

// Observe implements [Detector].
func (m *MAD) Observe(_ time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	state, median, sd := Learning, 0.0, 0.0
	if len(m.sorted) >= minPoints {
		state = Ready
		median = m.median()
		sd = madToSD*m.deviation(median) + flat*math.Abs(median)
		if sd == flat*math.Abs(median) {
			// Most points are equal: a median of nothing says nothing of the rest.
			sd += meanDevToSD * meanDeviation(m.sorted, median)
		}
	}
	out := judge(v, median, sd, state, Window)
	m.learn(v)
	return out
}

func (m *MAD) learn(v float64) {
	if len(m.ring) < cap(m.ring) {
		m.ring = append(m.ring, v)
	} else {
		i, _ := slices.BinarySearch(m.sorted, m.ring[m.next])
		m.sorted = slices.Delete(m.sorted, i, i+1)
		m.ring[m.next] = v
		m.next = (m.next + 1) % len(m.ring)
	}
	i, _ := slices.BinarySearch(m.sorted, v)
	m.sorted = slices.Insert(m.sorted, i, v)
}

func (m *MAD) median() float64 {
	h := len(m.sorted) / 2
	if len(m.sorted)%2 == 1 {
		return m.sorted[h]
	}
	return m.sorted[h-1]/2 + m.sorted[h]/2
}

// deviation is the (upper) median of |x-median| over the window. Those distances are two
// sorted runs, outwards from the median; the k-th smallest of two sorted runs is
// found by halving.
func (m *MAD) deviation(median float64) float64 {
	h := len(m.sorted) / 2
	below := func(i int) float64 { return median - m.sorted[h-1-i] } // i < h
	above := func(i int) float64 { return m.sorted[h+i] - median }   // i < len-h
	k := len(m.sorted) / 2                                           // rank, from 0
	lo, hi := max(0, k-(len(m.sorted)-h)), min(k, h)
	for lo < hi { // how many of the k smallest are below the median
		i := (lo + hi) / 2
		if below(i) < above(k-1-i) {
			lo = i + 1
		} else {
			hi = i
		}
	}
	next := math.Inf(1)
	if lo < h {
		next = below(lo)
	}
	if j := k - lo; j < len(m.sorted)-h {
		next = min(next, above(j))
	}
	return next
}

func meanDeviation(xs []float64, from float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += math.Abs(x - from)
	}
	return sum / float64(len(xs))
}
