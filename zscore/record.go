package zscore

// record is what a feature's own past says of its size: the largest value it has
// shown, fading with time, and its usual one. A feature that is often large must
// be larger still to surprise, so features and series of every kind end on one
// scale without a threshold of their own.
type record struct {
	best  float64
	usual moments
	n     uint32 // values seen
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

// surprise compares f, 0 or more, with the record: 1 is as large as anything
// before. The first values surprise nobody. Where that is no more than atLeast the
// answer is 0, which spares finding out.
func (r *record) surprise(f, atLeast float64) float64 {
	s := 0.0
	switch {
	case r.best > 0:
		if f <= atLeast*r.best {
			return 0
		}
		s = f / r.best
	case f > 0 && r.n >= raiseAfter:
		s = raise // the first movement of what has always stood still
	}
	if r.n >= 2 {
		s *= min(1, max(0, r.usual.z(f, 0))/usualZ)
	}
	return s
}

// learn lets f change the record, by no more than the factor rise.
func (r *record) learn(f, rise float64) {
	r.best *= recordFade
	if f > r.best {
		if r.n >= raiseAfter && r.best > 0 {
			f = min(f, rise*r.best)
		}
		r.best = max(f, r.best)
	}
	r.n = more(r.n)
	r.usual.add(f, warm(r.n, usualAlpha))
}
