package zscore

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"
)

func newSeason(t testing.TB, c *Calendar, scale Scale) *Season {
	t.Helper()
	if c == nil {
		c = new(Calendar)
	}
	s, err := NewSchedule(*c)
	if err != nil {
		t.Fatal(err)
	}
	return NewSeason(s, scale)
}

// office is a gauge in five-minute points that is high from nine to five.
func office(days int, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 2))
	xs := make([]float64, days*288)
	for i := range xs {
		xs[i] = 50 + r.NormFloat64()
		if h := i % 288 / 12; h >= 9 && h < 17 {
			xs[i] += 100
		}
	}
	return xs
}

func TestSeasonLearnsKindByKind(t *testing.T) {
	s := newSeason(t, nil, Linear)
	vs := run(s, office(14, 1)) // from a Monday, in UTC
	tests := []struct {
		name      string
		day, hour int
		want      State
	}{
		{"third workday", 2, 12, Learning},
		{"fourth workday", 3, 12, Ready},
		{"second day of the weekend", 6, 12, Learning},
		{"second weekend", 13, 12, Ready},
	}
	for _, tt := range tests {
		want := tt.want
		if tt.name == "second weekend" { // its third visit is the one before
			want = Ready
		}
		if got := vs[tt.day*288+tt.hour*12].State; got != want {
			t.Errorf("%s: %v, want %v", tt.name, got, want)
		}
	}
}

func TestSeasonJudgesHolidaysByWeekends(t *testing.T) {
	s := newSeason(t, &Calendar{Holidays: []Date{{2026, 12, 8}}}, Linear) // the third Tuesday
	if v := run(s, office(16, 1))[15*288+144]; v.State != Ready || math.Abs(v.Z) > 4 {
		t.Errorf("a holiday like a weekend: %+v", v)
	}
	if s.tables[Holiday].get(144*coarse/holidays).visits > 1 {
		t.Error("one holiday is more than one visit")
	}
}

func TestSeasonInvariance(t *testing.T) {
	xs := office(10, 3)
	xs[8*288+100] *= 3
	for _, scale := range []Scale{Linear, Log} {
		want := run(newSeason(t, nil, scale), xs)
		for _, factor := range []float64{37.5, -1, 1e-12, 1e15} {
			ys := make([]float64, len(xs))
			for i, x := range xs {
				ys[i] = factor * x
			}
			s := newSeason(t, nil, scale)
			for i, y := range ys {
				at := monday.AddDate(0, 0, 28).Add(time.Duration(i) * 5 * time.Minute)
				got := s.Observe(at, y)
				if z := math.Copysign(got.Z, got.Z*math.Copysign(1, factor)); math.Abs(z-want[i].Z) > 1e-6*max(1, math.Abs(z)) {
					t.Fatalf("scale %v, times %v: point %d has z %v, want %v", scale, factor, i, z, want[i].Z)
				}
			}
		}
	}
}

func TestSeasonAbsorbsANewLevel(t *testing.T) {
	xs := office(20, 4)
	const from = 10 * 288
	for i := from; i < len(xs); i++ {
		xs[i] += 60
	}
	vs := run(newSeason(t, &Calendar{Workdays: []time.Weekday{0, 1, 2, 3, 4, 5, 6}}, Linear), xs)
	if z := vs[from].Z; z < 4 {
		t.Errorf("the new level begins with z %.1f, want 4 or more", z)
	}
	if z := vs[from+200].Z; z < 4 {
		t.Errorf("after 17 hours the new level has z %.1f: it was learnt too early", z)
	}
	for i := from + 3*288; i < len(xs); i++ {
		if math.Abs(vs[i].Z) > 5 {
			t.Fatalf("%v after the new level began z is %.1f: it was not absorbed", time.Duration(i-from)*5*time.Minute, vs[i].Z)
		}
	}
}

func TestSeasonTeachesLittleOfAFault(t *testing.T) {
	xs := office(12, 5)
	for i := 9*288 + 120; i < 9*288+132; i++ {
		xs[i] = 1000 // an hour
	}
	s := newSeason(t, &Calendar{Workdays: []time.Weekday{0, 1, 2, 3, 4, 5, 6}}, Linear)
	vs := run(s, xs)
	if got := vs[10*288+126].Expected; math.Abs(got-150) > 40 {
		t.Errorf("the day after a fault at 1000, %v is expected, want about 150", got)
	}
}

func TestSeasonAnyNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schedule, err := NewSchedule(Calendar{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewSeason(schedule, rapid.SampledFrom([]Scale{Linear, Log}).Draw(t, "scale"))
		at := monday
		for range rapid.IntRange(1, 300).Draw(t, "points") {
			at = at.Add(time.Duration(rapid.IntRange(-3600, 36000).Draw(t, "step")) * time.Second)
			x := rapid.OneOf(rapid.Float64(), rapid.Float64Range(0, 3), rapid.SampledFrom([]float64{0, math.NaN(), 1e140, -1e140})).Draw(t, "x")
			v := s.Observe(at, x)
			if math.IsNaN(v.Z) || math.Abs(v.Z) > MaxZ || v.Score < 0 || v.Score > 1 || math.IsNaN(v.Score) {
				t.Fatalf("%v is answered with %+v", x, v)
			}
		}
	})
}

func TestSlotTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newSlotTable(8)
		model := map[int]slotStats{}
		largest := firstStep
		for range rapid.IntRange(1, 30).Draw(t, "sets") {
			i := rapid.IntRange(0, 7).Draw(t, "slot")
			s := slotStats{
				mean:    rapid.Float64Range(-1e4, 1e4).Draw(t, "mean"),
				varSlow: rapid.Float64Range(1e-8, 1e6).Draw(t, "slow"),
				visits:  uint8(rapid.IntRange(0, 255).Draw(t, "visits")),
			}
			s.varFast = s.varSlow * rapid.Float64Range(1.0/60, 2).Draw(t, "share")
			table.set(i, s)
			model[i] = s
			largest = max(largest, math.Abs(s.mean)/math.MaxInt16*2)
		}
		for i, want := range model {
			got := table.get(i)
			if math.Abs(got.mean-want.mean) > 2*largest || got.visits != min(want.visits, maxVisits) {
				t.Fatalf("slot %d is %+v, want %+v", i, got, want)
			}
			if r := math.Sqrt(got.varSlow / want.varSlow); r < 0.95 || r > 1.05 {
				t.Fatalf("slot %d has the variance %v, want %v", i, got.varSlow, want.varSlow)
			}
			if r := math.Sqrt(got.varFast / want.varFast); r < 0.79 || r > 1.27 {
				t.Fatalf("slot %d has the fast variance %v, want %v", i, got.varFast, want.varFast)
			}
		}
	})
}

// TestShareIsNotLostInRounding learns a share that lies between two codes, from
// above: it settles around it and does not stay where it was.
func TestShareIsNotLostInRounding(t *testing.T) {
	table := newSlotTable(1)
	const want = 0.3
	share, sum := 1.0, 0.0
	for i := range 4000 {
		share += slotDecay * (want - share)
		table.set(0, slotStats{varSlow: 1, varFast: share})
		share = table.get(0).varFast
		if i >= 1000 {
			sum += math.Log2(share)
		}
	}
	if got := math.Exp2(sum / 3000); math.Abs(got-want) > 0.06 {
		t.Errorf("the share settles at %v, want %v", got, want)
	}
}

// The default stack is to fit fifty thousand series.
func TestStateIsSmall(t *testing.T) {
	slots := newSlotting([]time.Duration{9 * time.Hour, 15*time.Hour + 30*time.Minute}).slots
	bytes := int(unsafe.Sizeof(Auto{}))
	for _, n := range slots {
		bytes += int(unsafe.Sizeof(slotTable{})) + n*int(unsafe.Sizeof(packedSlot{}))
	}
	if bytes > 4000 {
		t.Errorf("%d bytes a series", bytes)
	}
}

func BenchmarkSeason(b *testing.B) {
	xs := office(28, 7)
	s := newSeason(b, nil, Log)
	b.ReportAllocs()
	at, i := monday, 0
	for b.Loop() {
		s.Observe(at, xs[i%len(xs)])
		at = at.Add(5 * time.Minute)
		i++
	}
}
