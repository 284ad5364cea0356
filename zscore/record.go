package zscore

// record is what a feature's own past says of its size: the largest value it has
// shown, fading with time, and its usual one. A feature that is often large must
// be larger still to surprise, so features and series of every kind end on one
// scale without a threshold of their own.
type record struct {
	best  float64
	usual moments
}

const (
	recordHalfLife = 12000 // points until a record counts half
	usualHalfLife  = 6000
	// raise bounds what one outlier may do to the record, as a factor: unbounded,
	// a single wild point would hide everything after it for days.
	raise      = 2.0
	raiseAfter = 50 // points; before that the record is still being found
	// usualZ is where a feature is unusual enough to count in full.
	usualZ = 3.0
)

var (
	recordFade = 1 - decay(recordHalfLife)
	usualAlpha = decay(usualHalfLife)
)

// surprise compares f, 0 or more, with the record and then lets f change it: 1
// is as large as anything before. The first values surprise nobody.
func (r *record) surprise(f, rise float64) float64 {
	s := 0.0
	switch {
	case r.best > 0:
		s = f / r.best
	case f > 0 && r.usual.n >= raiseAfter:
		s = raise // the first movement of what has always stood still
	}
	if z := r.usual.z(f, 0); r.usual.n >= 2 {
		s *= min(1, max(0, z)/usualZ)
	}
	r.best *= recordFade
	if f > r.best {
		if r.usual.n >= raiseAfter && r.best > 0 {
			f = min(f, rise*r.best)
		}
		r.best = f
	}
	r.usual.add(f, usualAlpha)
	return s
}
