package zscore

import "math"

// slotTable holds what is known of every slot of one kind of day, in four bytes
// a slot: fifty thousand series with a season each are to fit in memory. A mean
// is a multiple of a step that doubles when a value does not fit. The deviation
// from the slow level is a power of two in eighths, so about nine percent apart,
// which no threshold notices, and that from the fast one a share of it in quarters.
// All are learnt visit by visit, so that the small change that one point makes is
// not lost in the rounding; the share is coarse enough to lose that of a visit too,
// and is rounded up or down in turn.
type slotTable struct {
	step  float64
	slots []packedSlot
	turn  uint32
}

type packedSlot struct {
	mean int16
	slow uint8 // deviation from the slow level
	rest uint8 // the share of the fast one in the upper half, visits in the lower
}

const (
	firstStep      = 1.0 / 4096
	sdPerOctave    = 8
	sdOctaves      = 20 // the smallest deviation is 2⁻²⁰
	sharePerOctave = 4
	shareOctaves   = 3 // the smallest share is 2⁻³
	maxVisits      = 15
	shareCodes     = 16
)

// slotStats is a slot unpacked.
type slotStats struct {
	mean             float64
	varSlow, varFast float64
	visits           uint8
}

func newSlotTable(slots int) *slotTable {
	return &slotTable{step: firstStep, slots: make([]packedSlot, slots)}
}

func (t *slotTable) get(i int) slotStats {
	p := t.slots[i]
	slow := slowVar[p.slow]
	return slotStats{
		mean:    float64(p.mean) * t.step,
		varSlow: slow, varFast: slow * fastShare[p.rest>>4],
		visits: p.rest & maxVisits,
	}
}

func (t *slotTable) set(i int, s slotStats) {
	for math.Abs(s.mean) > t.step*math.MaxInt16 {
		t.step *= 2
		for k := range t.slots {
			t.slots[k].mean /= 2
		}
	}
	slow := packVar(s.varSlow)
	t.slots[i] = packedSlot{
		mean: int16(math.Round(s.mean / t.step)),
		slow: slow,
		rest: t.packShare(s.varFast/slowVar[slow])<<4 | min(s.visits, maxVisits),
	}
}

func packVar(v float64) uint8 {
	if v <= 0 {
		return 0
	}
	u := math.Round(sdPerOctave * (math.Log2(v)/2 + sdOctaves))
	return uint8(min(max(u, 0), math.MaxUint8))
}

// packShare rounds up as often as the share lies above a code. The turns are
// those of the golden ratio, which are spread evenly however few they are.
func (t *slotTable) packShare(v float64) uint8 {
	if !(v > 0) {
		return 0
	}
	t.turn++
	_, dither := math.Modf(float64(t.turn) * (math.Phi - 1))
	u := math.Floor(sharePerOctave*(math.Log2(v)/2+shareOctaves) + dither)
	return uint8(min(max(u, 0), shareCodes-1))
}

// slowVar and fastShare hold what the codes stand for, as variances, so that
// unpacking needs no power function.
var (
	slowVar   = powers[[math.MaxUint8 + 1]float64](sdPerOctave, sdOctaves)
	fastShare = powers[[shareCodes]float64](sharePerOctave, shareOctaves)
)

func powers[T interface {
	[math.MaxUint8 + 1]float64 | [shareCodes]float64
}](perOctave, octaves float64) (t T) {
	for i := range len(t) {
		t[i] = math.Exp2(2 * (float64(i)/perOctave - octaves))
	}
	return t
}
