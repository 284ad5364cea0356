package zscore

import (
	"fmt"
	"time"
)

// EWMA is the z-score against an exponentially weighted mean and variance.
type EWMA struct {
	base  moments
	n     uint32 // points learnt
	alpha float64
}

// NewEWMA returns a detector in whose baseline a point weighs half after
// halfLife further points, which is more than 0. It takes 40 bytes a series.
func NewEWMA(halfLife float64) (*EWMA, error) {
	if !(halfLife > 0) || !isValue(halfLife) {
		return nil, fmt.Errorf("an EWMA with a half-life of %v points: it is more than 0", halfLife)
	}
	return &EWMA{alpha: decay(halfLife)}, nil
}

// Observe implements [Detector].
func (e *EWMA) Observe(_ time.Time, v float64) Verdict {
	if !isValue(v) {
		return absent(v)
	}
	state := Learning
	if e.n >= minPoints {
		state = Ready
	}
	out := judge(v, e.base.mean, e.base.sd(), state, Window)
	e.n = more(e.n)
	e.base.add(v, warm(e.n, e.alpha))
	return out
}
