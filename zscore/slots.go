package zscore

import "math"

// slotTable holds what is known of every slot of one kind of day, in five bytes
// a slot: fifty thousand series with a season each are to fit in memory. A mean
// is a multiple of a step that doubles when a value does not fit; deviations are
// powers of two in eighths, so about nine percent apart, which no threshold
// notices. Both are learnt visit by visit, so that the small change that one
// point makes is not lost in the rounding.
type slotTable struct {
	step  float64
	slots []packedSlot
}

type packedSlot struct {
	mean       int16
	slow, fast uint8 // deviations from the two levels
	visits     uint8 // stops at 255
}

const (
	firstStep   = 1.0 / 4096
	sdPerOctave = 8
	sdOctaves   = 20 // the smallest deviation is 2⁻²⁰
)

// slotStats is a slot unpacked.
type slotStats struct {
	mean             float64
	varSlow, varFast float64
	visits           float64
}

func newSlotTable(slots int) *slotTable {
	return &slotTable{step: firstStep, slots: make([]packedSlot, slots)}
}

func (t *slotTable) get(i int) slotStats {
	p := t.slots[i]
	return slotStats{
		mean:    float64(p.mean) * t.step,
		varSlow: unpackVar(p.slow), varFast: unpackVar(p.fast),
		visits: float64(p.visits),
	}
}

func (t *slotTable) set(i int, s slotStats) {
	for math.Abs(s.mean) > t.step*math.MaxInt16 {
		t.step *= 2
		for k := range t.slots {
			t.slots[k].mean /= 2
		}
	}
	t.slots[i] = packedSlot{
		mean: int16(math.Round(s.mean / t.step)),
		slow: packVar(s.varSlow), fast: packVar(s.varFast),
		visits: uint8(min(s.visits, math.MaxUint8)),
	}
}

func packVar(v float64) uint8 {
	if v <= 0 {
		return 0
	}
	u := math.Round(sdPerOctave * (math.Log2(v)/2 + sdOctaves))
	return uint8(min(max(u, 0), math.MaxUint8))
}

// octave holds the variances that the codes of one octave stand for, so that
// unpacking needs no power function.
var octave = func() (t [sdPerOctave]float64) {
	for i := range t {
		t[i] = math.Exp2(2 * float64(i) / sdPerOctave)
	}
	return t
}()

func unpackVar(u uint8) float64 {
	return math.Ldexp(octave[u%sdPerOctave], 2*(int(u/sdPerOctave)-sdOctaves))
}
