package zscore

import (
	"cmp"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// bourse is how a market of another kind than gateway's behaves, so that what holds
// there is not only true of one simulation.
type bourse struct {
	name        string
	zone        string
	begin       Date // of the first day, a Monday
	open, close time.Duration
	lunch       [2]time.Duration // closed in between; the calendar does not know
	every       time.Duration    // between two points
	weeks       int              // that only teach
	quiet, peak float64          // per second at night and at the opening
	noise       float64          // deviation of a point that is remembered
	memory      float64
	jitter      time.Duration // the latest opening
	ramp        time.Duration // of the opening
	burst       float64       // times the level in the first minutes
	growth      float64       // a week
	weekday     float64       // how much Mondays are above Fridays
	gaps        float64       // share of points that are missing
	outages     int           // of ten minutes without a point
	silent      bool          // a missing opening brings no points at all
	found       float64       // the least share of faults, 0.9 if it is 0
}

// value is the traffic without noise at a time of day, and what it would be on a
// day without a market.
func (m *bourse) value(at time.Duration, open bool, height, quietFactor float64) (quiet, v float64) {
	day := float64(at) / float64(24*time.Hour)
	quiet = m.quiet * (1 + 0.5*math.Sin(2*math.Pi*(day-0.35))) * quietFactor
	v = quiet
	closed := !open || at < m.open || at >= m.close || m.lunch[1] > 0 && at >= m.lunch[0] && at < m.lunch[1]
	if closed {
		return quiet, v
	}
	since := at - m.open
	level := m.peak * height * (0.5 + 0.5*math.Exp(-since.Hours()*2) + 0.25*math.Exp(-(m.close-at).Hours()*3))
	if m.ramp > 0 && since < m.ramp {
		level *= float64(since) / float64(m.ramp)
	}
	if m.burst > 0 {
		level *= 1 + m.burst*math.Exp(-since.Minutes()/2)
	}
	return quiet, quiet + level
}

type tick struct {
	at time.Time
	v  float64
}

func (m *bourse) calendar(t testing.TB) *Calendar {
	zone, err := time.LoadLocation(m.zone)
	if err != nil {
		t.Fatal(err)
	}
	c := &Calendar{Zone: zone, Edges: []time.Duration{m.open, m.close}}
	first := time.Date(m.begin.Year, m.begin.Month, m.begin.Day, 0, 0, 0, 0, zone)
	for _, day := range []int{10, 7*m.weeks - 4, 7*m.weeks + 17} {
		y, mon, d := first.AddDate(0, 0, day).Date()
		c.Holidays = append(c.Holidays, Date{y, mon, d})
	}
	return c
}

// faultsOf are ten in the three weeks after the history.
func (m *bourse) faultsOf(r *rand.Rand, zone *time.Location) []fault {
	var out []fault
	add := func(name string, day int, at, length time.Duration, change func(v, quiet float64) float64) {
		from := time.Date(m.begin.Year, m.begin.Month, m.begin.Day+7*m.weeks+day, 0, 0, 0, 0, zone)
		from = time.Date(from.Year(), from.Month(), from.Day(), 0, int(at/time.Minute), 0, 0, zone)
		out = append(out, fault{name, from, from.Add(length), change})
	}
	times := func(f float64) func(v, _ float64) float64 { return func(v, _ float64) float64 { return f * v } }
	missing := func(_, quiet float64) float64 { return quiet }
	if m.silent {
		missing = func(_, _ float64) float64 { return math.NaN() }
	}
	within := func(from, to float64) time.Duration {
		return m.open + time.Duration((from+(to-from)*r.Float64())*float64(m.close-m.open)).Truncate(time.Minute)
	}
	minutes := func(lo, hi int) time.Duration { return time.Duration(lo+r.IntN(hi-lo+1)) * time.Minute }
	add("missing opening", 1, m.open, minutes(20, 60), missing)
	add("missing opening", 8, m.open, minutes(20, 60), missing)
	add("double opening", 3, m.open, minutes(10, 30), times(2))
	add("spike ×2", 2, within(0.65, 0.8), minutes(4, 10), times(2))
	add("spike ×3", 4, within(0.65, 0.8), minutes(3, 6), times(3))
	add("spike ×4", 9, within(0.1, 0.3), minutes(2, 5), times(4))
	add("drop to 40 %", 10, within(0.65, 0.8), minutes(10, 20), times(0.4))
	add("night spike", 11, minutes(60, 240), minutes(8, 15), times(3))
	add("weekend spike", 12, within(0.2, 0.8), minutes(8, 15), times(3))
	add("+45 % for 40 min", 15, within(0.6, 0.7), 40*time.Minute, times(1.45))
	return out
}

func (m *bourse) points(t testing.TB, seed uint64) ([]tick, []fault, *Calendar) {
	cal := m.calendar(t)
	r := rand.New(rand.NewPCG(seed, 77))
	faults := m.faultsOf(r, cal.Zone)
	type span struct{ from, to time.Time }
	var out []tick
	var outages []span
	ar := 0.0
	for day := range 7 * (m.weeks + 3) {
		midnight := time.Date(m.begin.Year, m.begin.Month, m.begin.Day+day, 0, 0, 0, 0, cal.Zone)
		next := time.Date(m.begin.Year, m.begin.Month, m.begin.Day+day+1, 0, 0, 0, 0, cal.Zone)
		level := (1 + 0.15*(2*r.Float64()-1)) * math.Pow(1+m.growth, float64(day)/7)
		if wd := midnight.Weekday(); wd >= time.Monday && wd <= time.Friday {
			level *= 1 + m.weekday*float64(time.Wednesday-wd)/4
		}
		height := 1 + 0.2*(2*r.Float64()-1)
		late := time.Duration(r.Float64() * float64(m.jitter))
		open := cal.kind(midnight) == Workday
		if m.outages > 0 && r.IntN(7) < m.outages {
			from := midnight.Add(time.Duration(r.Float64() * float64(24*time.Hour)))
			outages = append(outages, span{from, from.Add(10 * time.Minute)})
		}
		for at := midnight; at.Before(next); at = at.Add(m.every) {
			h, mi, s := at.Clock()
			clock := time.Duration(h)*time.Hour + time.Duration(mi)*time.Minute + time.Duration(s)*time.Second
			quiet, v := m.value(clock-late, open, height, 1)
			ar = m.memory*ar + m.noise*r.NormFloat64()
			for _, f := range faults {
				if !at.Before(f.start) && at.Before(f.end) {
					v = f.change(v, quiet)
				}
			}
			v *= level * math.Exp(ar)
			v = max(0, v+math.Sqrt(max(v, 0)/m.every.Seconds()*4)*r.NormFloat64())
			skip := r.Float64() < m.gaps || math.IsNaN(v)
			for _, o := range outages {
				skip = skip || !at.Before(o.from) && at.Before(o.to)
			}
			if !skip {
				out = append(out, tick{at, v})
			}
		}
	}
	return out, faults, cal
}

var bourses = func() []bourse {
	first := bourse{
		name: "as the first", zone: "Asia/Seoul", begin: Date{2026, 5, 4}, open: 9 * time.Hour, close: 15*time.Hour + 30*time.Minute,
		every: 15 * time.Second, weeks: 5, quiet: 60, peak: 900, noise: 0.02, memory: 0.9, jitter: 40 * time.Second,
	}
	with := func(name string, change func(*bourse)) bourse {
		m := first
		m.name = name
		change(&m)
		return m
	}
	return []bourse{
		first,
		with("New York, the clocks change in the test", func(m *bourse) {
			m.zone, m.begin, m.open, m.close = "America/New_York", Date{2026, 2, 2}, 9*time.Hour+30*time.Minute, 16*time.Hour
		}),
		with("New York, they change in the history", func(m *bourse) {
			m.zone, m.begin, m.open, m.close = "America/New_York", Date{2026, 10, 5}, 9*time.Hour+30*time.Minute, 16*time.Hour
		}),
		with("Tokyo with a lunch break", func(m *bourse) {
			m.zone, m.close = "Asia/Tokyo", 15*time.Hour
			m.lunch = [2]time.Duration{11*time.Hour + 30*time.Minute, 12*time.Hour + 30*time.Minute}
		}),
		with("a point a minute", func(m *bourse) { m.every = time.Minute }),
		with("half a minute, four weeks", func(m *bourse) { m.every, m.weeks = 30*time.Second, 4 }),
		with("small", func(m *bourse) {
			m.quiet, m.peak, m.found = 5, 80, 0.8 // tripled noise is noise
		}),
		with("noisy", func(m *bourse) { m.noise = 0.04 }),
		with("long memory", func(m *bourse) { m.noise, m.memory = 0.006, 0.99 }),
		with("a ramp of five minutes", func(m *bourse) { m.ramp = 5 * time.Minute }),
		with("a burst at the opening", func(m *bourse) { m.burst = 2 }),
		with("growing, Mondays higher", func(m *bourse) { m.growth, m.weekday = 0.05, 0.1 }),
		with("gaps", func(m *bourse) { m.gaps, m.outages = 0.02, 2 }),
		with("silent where the opening is missing", func(m *bourse) { m.silent = true }),
		with("low at night", func(m *bourse) { m.quiet, m.found = 1, 0.65 }),
	}
}()

// TestBourses judges markets that differ from gateway's in one thing each, one
// seed for each three of TestOpeningsOfAMarket.
func TestBourses(t *testing.T) {
	for _, m := range bourses {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.judge(t, (*seedCount+2)/3)
		})
	}
}

// alerts runs the default detector and rule, and returns what began after the
// history.
func (m *bourse) alerts(t *testing.T, points []tick, cal *Calendar) []Alert {
	t.Helper()
	rule := DefaultRule()
	rule.AbsentAfter = AbsentAfter(m.every)
	c, err := NewCondition(rule)
	if err != nil {
		t.Fatal(err)
	}
	schedule, err := NewSchedule(*cal)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDetector("auto", schedule, KindRate, m.every)
	if err != nil {
		t.Fatal(err)
	}
	var alerts []Alert
	from := points[0].at.AddDate(0, 0, 7*m.weeks)
	for _, p := range points {
		if e := c.Observe(p.at, d.Observe(p.at, p.v)); e == Fired && !p.at.Before(from) {
			a := c.Alert()
			if a.Direction != Gone {
				a.End = p.at // when it was said
			}
			alerts = append(alerts, a)
		}
	}
	return alerts
}

// tally counts what a rule made of simulated faults.
type tally struct{ found, wrong, openings, missed int }

func (m *bourse) judge(t *testing.T, seeds int) {
	var n tally
	for seed := range seeds {
		points, faults, cal := m.points(t, uint64(seed))
		alerts := m.alerts(t, points, cal)
		used := make([]bool, len(alerts))
		for _, f := range faults {
			hit := -1
			for i, a := range alerts {
				if !a.End.Before(f.start) && a.Start.Before(f.end.Add(10*time.Minute)) {
					if used[i] = true; hit < 0 {
						hit = i
					}
				}
			}
			if hit >= 0 {
				n.found++
			} else {
				t.Logf("seed %d: %s is not found", seed, f.name)
			}
			if f.name == "missing opening" && (hit < 0 || !m.inTime(&alerts[hit], f.start)) {
				n.missed++
			}
		}
		for i := range alerts {
			a := &alerts[i]
			if used[i] || a.Direction == Gone { // an outage is one
				continue
			}
			n.wrong++
			t.Logf("seed %d: false alert %v", seed, describe(*a))
			h, mi, _ := a.Start.In(cal.Zone).Clock()
			if since := time.Duration(h)*time.Hour + time.Duration(mi)*time.Minute - m.open; since >= 0 && since < 15*time.Minute {
				n.openings++
			}
		}
	}
	n.report(t, m, seeds)
}

// inTime reports whether an alert says within three minutes that an opening is missing.
func (m *bourse) inTime(a *Alert, opening time.Time) bool {
	return a.Direction == Gone || a.Direction == Down && a.End.Sub(opening) <= 3*time.Minute
}

func (n tally) report(t *testing.T, m *bourse, seeds int) {
	t.Helper()
	t.Logf("%s: %d of %d faults, %d false alerts in %d weeks", m.name, n.found, 10*seeds, n.wrong, 3*seeds)
	if n.missed > 0 {
		t.Errorf("%d missing openings were not said within 3 minutes", n.missed)
	}
	if n.openings > 0 {
		t.Errorf("%d ordinary openings raised an alert", n.openings)
	}
	if least := 10 * float64(seeds) * cmp.Or(m.found, 0.9); float64(n.found) < least {
		t.Errorf("%d of %d faults were found, want %.0f", n.found, 10*seeds, least)
	}
	if n.wrong*5 > 3*seeds {
		t.Errorf("%d false alerts in %d weeks, want at most one in five", n.wrong, 3*seeds)
	}
}
