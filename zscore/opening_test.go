package zscore

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// gateway simulates the traffic of a broker's gateway, a point each 15 seconds:
// the market opens at nine at a height that differs by a fifth, up to 40 seconds
// late, on a level that differs by 15 % from day to day, with noise that
// remembers. Weekends and holidays are quiet.
type gateway struct {
	start  time.Time
	weeks  int
	values []float64
	faults []fault
}

type fault struct {
	name       string
	start, end time.Time
	change     func(v, quiet float64) float64
}

var seedCount = flag.Int("seeds", 3, "simulated markets in TestOpeningsOfAMarket, each of eight weeks")

const (
	step    = 15 * time.Second
	perDay  = int(24 * time.Hour / step)
	history = 5 // weeks that only teach
)

func seoul(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func newGateway(t testing.TB, weeks int, seed uint64, withFaults bool) (*gateway, *Calendar) {
	zone := seoul(t)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, zone) // a Monday
	cal := &Calendar{
		Zone:     zone,
		Edges:    []time.Duration{9 * time.Hour, 15*time.Hour + 30*time.Minute},
		Holidays: []Date{{2026, 3, 12}, {2026, 3, 27}, {2026, 4, 15}},
	}
	g := &gateway{start: start, weeks: weeks}
	r := rand.New(rand.NewPCG(seed, 1))
	if withFaults {
		g.addFaults(r)
	}
	ar := 0.0
	for day := range weeks * 7 {
		midnight := start.AddDate(0, 0, day)
		level := 1 + 0.15*(2*r.Float64()-1)
		height := 1 + 0.2*(2*r.Float64()-1)
		late := time.Duration(r.Float64() * float64(40*time.Second))
		open := cal.kind(midnight) == Workday
		for i := range perDay {
			at := midnight.Add(time.Duration(i) * step)
			quiet, v := shape(at.Sub(midnight)-late, open, height)
			ar = 0.9*ar + 0.02*r.NormFloat64()
			noise := math.Exp(ar) * level
			for _, f := range g.faults {
				if !at.Before(f.start) && at.Before(f.end) {
					v = f.change(v, quiet)
				}
			}
			v *= noise
			g.values = append(g.values, max(0, v+math.Sqrt(v)*r.NormFloat64()))
		}
	}
	return g, cal
}

// shape is the traffic without noise at a time of day, and what it would be on a
// day without a market.
func shape(at time.Duration, open bool, height float64) (quiet, v float64) {
	h := at.Hours()
	quiet = 60 + 40*math.Sin((h-8)/24*2*math.Pi)
	if !open {
		return quiet, quiet
	}
	v = quiet
	if h >= 9 && h < 15.5 {
		v += 900 * height * (0.55 + 0.45*math.Exp(-(h-9)*3) + 0.2*math.Exp((h-15.5)*4))
	}
	return quiet, v
}

func (g *gateway) addFaults(r *rand.Rand) {
	add := func(name string, day int, at, length time.Duration, change func(v, quiet float64) float64) {
		from := g.start.AddDate(0, 0, history*7+day).Add(at)
		g.faults = append(g.faults, fault{name, from, from.Add(length), change})
	}
	times := func(f float64) func(v, _ float64) float64 { return func(v, _ float64) float64 { return f * v } }
	missing := func(_, quiet float64) float64 { return quiet }
	const nine = 9 * time.Hour
	jitter := func() time.Duration { return time.Duration(r.IntN(60)) * time.Minute }
	add("missing opening", 1, nine, 30*time.Minute, missing)
	add("missing opening", 8, nine, time.Hour, missing)
	add("double opening", 3, nine, 20*time.Minute, times(2))
	add("spike ×2", 2, 11*time.Hour+jitter(), 5*time.Minute, times(2))
	add("spike ×3", 4, 13*time.Hour+jitter(), 3*time.Minute, times(3))
	add("spike ×4", 9, 10*time.Hour+jitter(), 2*time.Minute, times(4))
	add("drop to 40 %", 10, 12*time.Hour+jitter(), 15*time.Minute, times(0.4))
	add("night spike", 11, 2*time.Hour+jitter(), 10*time.Minute, times(3))
	add("weekend spike", 12, 14*time.Hour+jitter(), 10*time.Minute, times(3))
	add("+45 % for 40 min", 15, 11*time.Hour+jitter(), 40*time.Minute, times(1.45))
}

// watch runs a detector over the simulation and returns the alerts that began
// after the history.
func (g *gateway) watch(t testing.TB, s Detector) []Alert {
	t.Helper()
	c, err := NewCondition(DefaultRule())
	if err != nil {
		t.Fatal(err)
	}
	var alerts []Alert
	from := g.start.AddDate(0, 0, history*7)
	for i, v := range g.values {
		at := g.start.Add(time.Duration(i) * step)
		if e := c.Observe(at, s.Observe(at, v)); e == Fired && !at.Before(from) {
			a := c.Alert()
			a.End = at // when it was said
			alerts = append(alerts, a)
		}
	}
	return alerts
}

func TestOpeningsOfAMarket(t *testing.T) {
	for _, name := range []string{"auto", "season"} {
		t.Run(name, func(t *testing.T) { openings(t, name, *seedCount) })
	}
}

func openings(t *testing.T, name string, seeds int) {
	found, false_, openings, missing := 0, 0, 0, 0
	for seed := range seeds {
		g, cal := newGateway(t, history+3, uint64(seed), true)
		alerts := g.watch(t, newDetector(t, name, cal))
		used := make([]bool, len(alerts))
		for _, f := range g.faults {
			hit := -1
			for i, a := range alerts {
				if !a.End.Before(f.start) && a.Start.Before(f.end.Add(10*time.Minute)) {
					used[i] = true
					if hit < 0 {
						hit = i
					}
				}
			}
			if hit >= 0 {
				found++
			} else {
				t.Logf("seed %d: %s is not found", seed, f.name)
			}
			if f.name == "missing opening" && (hit < 0 || alerts[hit].Direction != Down || alerts[hit].End.Sub(f.start) > 3*time.Minute) {
				missing++
			}
		}
		for i, a := range alerts {
			if used[i] {
				continue
			}
			false_++
			t.Logf("seed %d: false alert %v", seed, describe(a))
			if m := a.Start.In(cal.Zone); m.Hour() == 9 && m.Minute() < 5 {
				openings++
			}
		}
	}
	t.Logf("%d of %d faults, %d false alerts in %d weeks", found, 10*seeds, false_, 3*seeds)
	if missing > 0 {
		t.Errorf("%d missing openings were not said within 3 minutes", missing)
	}
	if openings > 0 {
		t.Errorf("%d ordinary openings raised an alert", openings)
	}
	if found*10 < 9*10*seeds {
		t.Errorf("%d of %d faults were found, want 9 of 10", found, 10*seeds)
	}
	if false_*5 > 3*seeds {
		t.Errorf("%d false alerts in %d weeks, want at most one in five", false_, 3*seeds)
	}
}

func newDetector(t testing.TB, name string, cal *Calendar) Detector {
	t.Helper()
	schedule, err := NewSchedule(*cal)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDetector(name, schedule, KindRate, step)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func describe(a Alert) string {
	return fmt.Sprintf("%s at %v, z %.1f, %.0f against %.0f", a.Direction, a.Start, a.Peak.Z, a.Peak.Value, a.Peak.Expected)
}
