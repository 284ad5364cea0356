package daemon

import (
	"math"

	"github.com/clewhq/clew/zscore/alert"
)

// glance is what the picture of a series has of one point, in eight bytes, since
// millions are kept. The edges of the band are told by their distance from the
// value, with the eight significant bits that a picture shows; without a verdict
// they are NaN.
type glance struct {
	value       float32
	below, over short
}

// short is the upper half of a float32.
type short uint16

func newShort(x float64) short {
	const half = 1 << 15 // of what is cut off
	return short((math.Float32bits(float32(x)) + half) >> 16)
}

func (s short) float() float32 { return math.Float32frombits(uint32(s) << 16) }

func newGlance(value, low, high float64) glance {
	return glance{float32(value), newShort(low - value), newShort(high - value)}
}

func (g glance) low() float32  { return g.value + g.below.float() }
func (g glance) high() float32 { return g.value + g.over.float() }

// picture are the last values, the oldest first.
func (s *series) picture() []alert.Number {
	var out []alert.Number
	for _, g := range s.glances() {
		out = append(out, alert.Number(g.value))
	}
	return out
}

// glances are the last points, the oldest first.
func (s *series) glances() []glance {
	n := min(s.n, recentPoints)
	out := make([]glance, 0, n)
	for k := s.n - n; k < s.n; k++ {
		out = append(out, s.recent[k%recentPoints])
	}
	return out
}
