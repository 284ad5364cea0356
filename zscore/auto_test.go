package zscore

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// restless is a series that no clock explains, a point each 15 seconds: noise
// that remembers, with heavy tails, around a level that wanders.
func restless(seed uint64, days int) []float64 {
	r := rand.New(rand.NewPCG(seed, 3))
	xs := make([]float64, days*perDay)
	ar, level := 0.0, 0.0
	for i := range xs {
		shock := r.NormFloat64()
		if r.IntN(200) == 0 {
			shock *= 4
		}
		ar = 0.8*ar + 0.05*shock
		level = 0.99995*level + 0.002*r.NormFloat64()
		xs[i] = 100 * math.Exp(ar+level)
	}
	return xs
}

// TestAutoWithoutASeason holds that what no clock explains is watched too, from
// the first hour on, and pages seldom.
func TestAutoWithoutASeason(t *testing.T) {
	const days = 14
	found, faults, pages := 0, 0, 0
	for seed := range uint64(*seedCount) {
		xs := restless(seed, days)
		r := rand.New(rand.NewPCG(seed, 4))
		var at []int
		for day := range days {
			i := day*perDay + 240 + r.IntN(perDay-600)
			at = append(at, i)
			factor := []float64{3, 4, 0.25}[day%3]
			for k := range 20 { // five minutes
				xs[i+k] *= factor
			}
		}
		faults += len(at)
		hits := make([]bool, len(at))
		d, rule := newDetector(t, "auto", new(Calendar)), DefaultRule()
		c, err := NewCondition(rule)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range xs {
			now := monday.Add(time.Duration(i) * step)
			if c.Observe(now, d.Observe(now, x)) != Fired {
				continue
			}
			hit := false
			for k, from := range at {
				if i >= from && i < from+20 {
					hits[k], hit = true, true
				}
			}
			if !hit {
				pages++
				t.Logf("seed %d, day %.2f: false alert %v, cause %v", seed, float64(i)/float64(perDay), describe(c.Alert()), c.Alert().Peak.Cause)
			}
		}
		for k, hit := range hits {
			if hit {
				found++
			} else {
				t.Logf("seed %d, day %.2f: a fault is not found", seed, float64(at[k])/float64(perDay))
			}
		}
	}
	t.Logf("%d of %d faults, %d false alerts in %d weeks", found, faults, pages, days/7**seedCount)
	if found*10 < faults*9 {
		t.Errorf("%d of %d faults were found, want 9 of 10", found, faults)
	}
	if pages*5 > days/7**seedCount {
		t.Errorf("%d false alerts in %d weeks, want at most one in five", pages, days/7**seedCount)
	}
}
