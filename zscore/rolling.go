package zscore

import (
	"fmt"
	"time"
)

// minPoints is how many points a plain baseline wants before it judges.
const minPoints = 10

// Rolling is the plain z-score against the last n points, each weighing the same.
type Rolling struct {
	ring         []float64
	next         int
	sum, squares float64 // of the values less origin
	origin       float64
}

// NewRolling returns a detector whose baseline is the mean and the standard
// deviation of the last points, at least 10. It takes 8 bytes a point.
func NewRolling(points int) (*Rolling, error) {
	if points < minPoints {
		return nil, fmt.Errorf("a rolling z-score over %d points: it wants at least %d", points, minPoints)
	}
	return &Rolling{ring: make([]float64, 0, points)}, nil
}

// Observe implements [Detector].
func (r *Rolling) Observe(_ time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	var base moments
	state := Learning
	if n := float64(len(r.ring)); n >= minPoints {
		mean := r.sum / n
		base = moments{mean: mean + r.origin, variance: max(0, r.squares/n-mean*mean)}
		state = Ready
	}
	out := judge(v, base.mean, base.sd(), state, Window)
	r.learn(v)
	return out
}

// learn keeps two sums, so that a point costs the same whatever the window. The
// sums are of differences from an origin within the window, and are taken anew
// once in each turn of the ring: otherwise a large mean, or one huge point long
// gone, would leave only rounding in them.
func (r *Rolling) learn(v float64) {
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, v)
	} else {
		old := r.ring[r.next] - r.origin
		r.sum -= old
		r.squares -= old * old
		r.ring[r.next] = v
	}
	r.sum += v - r.origin
	r.squares += (v - r.origin) * (v - r.origin)
	if r.next++; r.next == cap(r.ring) {
		r.next = 0
		r.recount()
	}
	if len(r.ring) == 1 {
		r.recount()
	}
}

func (r *Rolling) recount() {
	r.origin, r.sum, r.squares = r.ring[0], 0, 0
	for _, v := range r.ring {
		r.sum += v - r.origin
		r.squares += (v - r.origin) * (v - r.origin)
	}
}
