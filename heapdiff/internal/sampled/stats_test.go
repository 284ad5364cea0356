package sampled

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestInterval compares with published values (Garwood's table, two-sided 95 %).
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		k      int64
		lo, hi float64
	}{
		{0, 0, 3.689}, {1, 0.0253, 5.572}, {2, 0.2422, 7.225}, {5, 1.623, 11.668}, {10, 4.795, 18.390}, {100, 81.36, 121.63},
	} {
		lo, hi := Interval(c.k, 0.95)
		if math.Abs(lo-c.lo) > 0.006 || math.Abs(hi-c.hi) > 0.006 {
			t.Errorf("Interval(%d) = %.4f, %.4f; want %.4f, %.4f", c.k, lo, hi, c.lo, c.hi)
		}
	}
}

// TestIntervalCovers draws counts of small means, where a plug-in variance fails:
// an exact interval covers the mean at least as often as it says.
func TestIntervalCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, mean := range []float64{0.1, 1.2, 5, 17} {
		covered, n := 0, 4000
		for range n {
			if lo, hi := Interval(poisson(r, mean), 0.95); lo <= mean && mean <= hi {
				covered++
			}
		}
		if share := float64(covered) / float64(n); share < 0.94 {
			t.Errorf("mean %v: covered in %.3f of the cases, want 0.95", mean, share)
		}
	}
}

// poisson draws from a Poisson distribution by adding exponential waits.
func poisson(r *rand.Rand, mean float64) int64 {
	for k, at := int64(0), r.ExpFloat64(); ; k++ {
		if at > mean {
			return k
		}
		at += r.ExpFloat64()
	}
}

func TestBinomialTail(t *testing.T) {
	for _, c := range []struct {
		n, x int64
		p    float64
		want float64
	}{
		{10, 10, 0.5, 1.0 / 1024},
		{10, 0, 0.5, 1},
		{3, 2, 0.5, 0.5},
		{5, 6, 0.5, 0},
		{4, 1, 0.1, 1 - 0.6561},
		{2000000, 1000000, 0.5, 0.50028},
	} {
		if got := BinomialTail(c.n, c.x, c.p); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("BinomialTail(%d, %d, %v) = %v, want %v", c.n, c.x, c.p, got, c.want)
		}
	}
}
