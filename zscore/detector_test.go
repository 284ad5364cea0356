package zscore

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var monday = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// all returns one of each detector, new.
func all(t testing.TB) map[string]Detector {
	t.Helper()
	rolling, err1 := NewRolling(60)
	ewma, err2 := NewEWMA(100)
	mad, err3 := NewMAD(60)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	return map[string]Detector{"rolling": rolling, "ewma": ewma, "mad": mad, "ensemble": NewEnsemble()}
}

// noise is n points of a five-minute series with a daily rhythm.
func noise(n int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 0))
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = 100 + 30*math.Sin(2*math.Pi*float64(i)/288) + 4*r.NormFloat64()
	}
	return xs
}

func run(d Detector, xs []float64) []Verdict {
	out := make([]Verdict, len(xs))
	for i, x := range xs {
		out[i] = d.Observe(monday.Add(time.Duration(i)*5*time.Minute), x)
	}
	return out
}

func TestConstructorsRefuse(t *testing.T) {
	tests := []struct {
		name string
		err  error
	}{
		{"rolling", errOf(NewRolling(9))},
		{"mad", errOf(NewMAD(0))},
		{"ewma", errOf(NewEWMA(0))},
		{"ewma of NaN", errOf(NewEWMA(math.NaN()))},
		{"ewma for ever", errOf(NewEWMA(math.Inf(1)))},
	}
	for _, tt := range tests {
		if tt.err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

// A spike is the most surprising point of a quiet series, for every detector, up
// and down.
func TestSpike(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		xs := noise(3000, 1)
		xs[2500] += sign * 200
		for name, d := range all(t) {
			vs := run(d, xs)
			loudest := 0
			for i, v := range vs[500:] {
				if v.Score > vs[500+loudest].Score {
					loudest = i
				}
			}
			if got := 500 + loudest; got != 2500 {
				t.Errorf("%s, %+v: point %d is the loudest, want 2500", name, sign, got)
			}
			v := vs[2500]
			if v.State != Ready || v.Z*sign <= 3 || v.Low > v.Expected || v.High < v.Expected || math.Abs(v.Expected-100) > 60 {
				t.Errorf("%s, %+v: verdict %+v", name, sign, v)
			}
		}
	}
}

func TestLearnsFirst(t *testing.T) {
	for name, d := range all(t) {
		v := d.Observe(monday, 5)
		if v.State != Learning || v.Score != 0 || v.Z != 0 || !math.IsNaN(v.Expected) {
			t.Errorf("%s: the first verdict is %+v, want one of learning", name, v)
		}
	}
}

// A value that is none changes nothing that follows.
func TestAbsentTeachesNothing(t *testing.T) {
	xs := noise(1000, 2)
	for name, plain := range all(t) {
		want := run(plain, xs)
		d := all(t)[name]
		for i, x := range xs {
			at := monday.Add(time.Duration(i) * 5 * time.Minute)
			for _, none := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				if v := d.Observe(at, none); v.State != Absent || v.Score != 0 {
					t.Fatalf("%s: %v is answered with %+v", name, none, v)
				}
			}
			if got := d.Observe(at, x); !same(got, want[i]) {
				t.Fatalf("%s: point %d with gaps is %+v, without %+v", name, i, got, want[i])
			}
		}
	}
}

func same(a, b Verdict) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

func TestConstantSeries(t *testing.T) {
	for _, level := range []float64{0, 1, -7e9, 1e-12} {
		for name, d := range all(t) {
			for i, v := range run(d, slices.Repeat([]float64{level}, 500)) {
				if v.Score != 0 {
					t.Fatalf("%s: point %d of a constant %v has score %v", name, i, level, v.Score)
				}
			}
			v := d.Observe(monday.Add(500*5*time.Minute), level+1)
			if level != -7e9 && v.Score < 0.1 {
				t.Errorf("%s: the first change of a constant %v has score %v", name, level, v.Score)
			}
			if math.Abs(v.Z) > MaxZ || math.IsNaN(v.Z) {
				t.Errorf("%s: z is %v", name, v.Z)
			}
		}
	}
}

// The units of a series, its sign and the day it begins do not matter.
func TestInvariance(t *testing.T) {
	xs := noise(4000, 3)
	for i := 700; i < len(xs); i += 701 {
		xs[i] *= 1.7
	}
	want := map[string][]Verdict{}
	for name, d := range all(t) {
		want[name] = run(d, xs)
	}
	for _, factor := range []float64{37.5, -1, 1e-9, -1e12} {
		for name, d := range all(t) {
			for i, x := range xs {
				v := d.Observe(monday.AddDate(0, 0, 11).Add(time.Duration(i)*5*time.Minute), factor*x)
				w := want[name][i]
				if math.Abs(v.Score-w.Score) > 1e-6 || v.State != w.State {
					t.Fatalf("%s: times %v, point %d has score %v, want %v", name, factor, i, v.Score, w.Score)
				}
			}
		}
	}
}

// The numbers stay numbers whatever comes, and in their bounds.
func TestAnyNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.OneOf(
			rapid.Float64(),
			rapid.SampledFrom([]float64{0, 1, math.MaxFloat64, -math.MaxFloat64, 5e-324, math.NaN()}),
		), 1, 400).Draw(t, "xs")
		rolling, _ := NewRolling(20)
		mad, _ := NewMAD(20)
		ewma, _ := NewEWMA(20)
		for _, d := range []Detector{rolling, mad, ewma, NewEnsemble()} {
			for _, x := range xs {
				v := d.Observe(monday, x)
				if math.IsNaN(v.Z) || math.Abs(v.Z) > MaxZ || math.IsNaN(v.Score) || v.Score < 0 || v.Score > 1 {
					t.Fatalf("%T answers %v with %+v", d, x, v)
				}
			}
		}
	})
}

func TestRollingEqualsRecount(t *testing.T) {
	xs := noise(1000, 4)
	xs[300], xs[301] = 1e12, -1e12 // must leave no rounding behind
	r, err := NewRolling(60)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range run(r, xs) {
		if i < 60 || i > 300 && i < 500 {
			continue
		}
		mean, variance := 0.0, 0.0
		for _, x := range xs[i-60 : i] {
			mean += x / 60
		}
		for _, x := range xs[i-60 : i] {
			variance += (x - mean) * (x - mean) / 60
		}
		want := (xs[i] - mean) / math.Sqrt(variance)
		if math.Abs(v.Z-min(want, MaxZ)) > 1e-3*max(1, math.Abs(v.Z)) || math.Abs(v.Expected-mean) > 1e-6*max(1, math.Abs(mean)) {
			t.Fatalf("point %d: z %v and mean %v, want %v and %v", i, v.Z, v.Expected, want, mean)
		}
	}
}

func TestMADEqualsRecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-10, 10), 11, 120).Draw(t, "xs")
		if rapid.Bool().Draw(t, "quantised") {
			for i := range xs {
				xs[i] = math.Round(xs[i] / 4)
			}
		}
		m, _ := NewMAD(20)
		for i, x := range xs {
			if i >= minPoints {
				window := slices.Clone(xs[max(0, i-20):i])
				slices.Sort(window)
				median := (window[(len(window)-1)/2] + window[len(window)/2]) / 2
				for k := range window {
					window[k] = math.Abs(window[k] - median)
				}
				slices.Sort(window)
				if got, want := m.deviation(median), window[len(window)/2]; math.Abs(got-want) > 1e-12 {
					t.Fatalf("before point %d the deviation is %v, want %v", i, got, want)
				}
			}
			m.Observe(monday, x)
		}
	})
}

func TestLoudest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.Uint32Range(1, 9).Draw(t, "window")
		xs := rapid.SliceOf(rapid.Float64Range(0, 3)).Draw(t, "xs")
		var l loudest
		for i, x := range xs {
			want := x
			for _, before := range xs[max(0, i-int(window)+1):i] {
				if before >= x {
					want = 0
				}
			}
			if got := l.pass(x, window); got != want {
				t.Fatalf("point %d: %v passes as %v, want %v", i, x, got, want)
			}
			if cap(l.queue) > 64 {
				t.Fatalf("a queue of %d for a window of %d", cap(l.queue), window)
			}
		}
	})
}
