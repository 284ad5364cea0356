package zscore

import (
	"math/rand/v2"
	"testing"
	"time"
)

// market is a series of 5-minute points that jumps at nine and falls at half past
// three every day.
func market(days int) []float64 {
	r := rand.New(rand.NewPCG(9, 9))
	xs := make([]float64, days*288)
	for i := range xs {
		xs[i] = 20 + r.NormFloat64()
		if m := i % 288 * 5; m >= 9*60 && m < 15*60+30 {
			xs[i] += 400 + 20*r.NormFloat64()
		}
	}
	return xs
}

const opening = 9 * 60 / 5

func TestOpeningIsNoNews(t *testing.T) {
	const days = 12
	loud := 0.0 // the loudest opening of the last days
	for i, v := range run(NewEnsemble(), market(days)) {
		if day := i / 288; day >= 8 && i%288 == opening {
			loud = max(loud, v.Score)
		}
	}
	missing := market(days)
	for i := 11*288 + opening; i < 11*288+opening+24; i++ {
		missing[i] = 20 // nobody came for two hours
	}
	found := 0.0
	var cause Cause
	for i, v := range run(NewEnsemble(), missing) {
		if i >= 11*288+opening && i < 11*288+opening+3 && v.Score > found {
			found, cause = v.Score, v.Cause
		}
	}
	if found <= loud || cause != TimeOfDay {
		t.Errorf("a missing opening scores %v (%v), ordinary ones up to %v: want more, for the time of day", found, cause, loud)
	}
}

func TestOneOutlierDoesNotBlind(t *testing.T) {
	xs := noise(4000, 5)
	xs[2000] += 100000
	xs[2600] += 200
	vs := run(NewEnsemble(), xs)
	quiet := 0.0
	for _, v := range vs[2200:2600] {
		quiet = max(quiet, v.Score)
	}
	if vs[2600].Score <= quiet {
		t.Errorf("a spike after an enormous one scores %v, the quiet between them up to %v", vs[2600].Score, quiet)
	}
}

func TestCauses(t *testing.T) {
	xs := noise(3000, 6)
	xs[2500] = 1000
	if v := run(NewEnsemble(), xs)[2500]; v.Cause == Window || v.Cause.String() == "" {
		t.Errorf("cause %v, want one of the ensemble's", v.Cause)
	}
}

func TestTimesBeforeTheEpoch(t *testing.T) {
	e := NewEnsemble()
	for i := range 3000 {
		e.Observe(time.Unix(0, 0).Add(-time.Duration(3000-i)*5*time.Minute), float64(i%7))
	}
	for i := range e.slots {
		if e.seen[i] == 0 {
			t.Fatalf("slot %d has learnt nothing", i)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	xs := noise(288*40, 7)
	for name, d := range all(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			at, i := monday, 0
			for b.Loop() {
				d.Observe(at, xs[i%len(xs)])
				at = at.Add(5 * time.Minute)
				i++
			}
		})
	}
}
