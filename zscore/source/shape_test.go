package source

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clewhq/clew/zscore"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// script is samples of one series: seconds since noon with a value.
type script [][2]float64

func shape(t *testing.T, s Shaping, add func(sh *Shaper)) (got []string, stats ShapeStats) {
	t.Helper()
	sh, err := NewShaper(s, func(r Reading) {
		got = append(got, fmt.Sprintf("%v +%v %.4g", r.Series.Labels, r.Time.Sub(noon).Seconds(), r.Value))
	})
	if err != nil {
		t.Fatal(err)
	}
	add(sh)
	return got, sh.Stats()
}

func TestShaperOneSeries(t *testing.T) {
	name := NewLabels(Label{NameLabel, "x"})
	total := NewLabels(Label{NameLabel, "x_total"})
	stale := math.Inf(-1) // in a script
	tests := []struct {
		name   string
		kind   zscore.Kind
		typ    Type
		labels Labels
		in     script
		want   string
		stats  ShapeStats
	}{
		{name: "gauge", labels: name, in: script{{0, 1}, {15, 2}}, want: "0:1 15:2"},
		{name: "counter of a known type", typ: Counter, labels: name, in: script{{0, 0}, {15, 30}, {30, 15}}, want: "15:2 30:1", stats: ShapeStats{NoValue: 1}},
		{name: "counter by its name", kind: zscore.KindRate, labels: total, in: script{{0, 0}, {15, 30}}, want: "15:2", stats: ShapeStats{NoValue: 1}},
		{name: "a rate already", kind: zscore.KindRate, labels: name, in: script{{0, 5}}, want: "0:5"},
		{name: "gauge that is named like a counter", labels: total, in: script{{0, 5}}, want: "0:5"},
		{name: "delta", typ: Delta, labels: name, in: script{{0, 5}, {10, 20}}, want: "10:2", stats: ShapeStats{NoValue: 1}},
		{name: "no value, stale", labels: name, in: script{{0, 1}, {15, math.NaN()}, {30, stale}, {45, 2}}, want: "0:1 45:2", stats: ShapeStats{NoValue: 2}},
		{name: "out of order", labels: name, in: script{{0, 1}, {15, 2}, {45, 4}, {30, 3}, {60, 5}}, want: "0:1 15:2 30:3 45:4 60:5"},
		{name: "counter out of order", typ: Counter, labels: name, in: script{{0, 0}, {15, 15}, {45, 45}, {30, 30}}, want: "15:1 30:1 45:1", stats: ShapeStats{NoValue: 1}},
		{name: "a gap", labels: name, in: script{{0, 1}, {15, 2}, {150, 3}, {165, 4}, {180, 5}, {195, 6}}, want: "0:1 15:2 150:3 165:4 180:5 195:6"},
		{name: "too late", labels: name, in: script{{0, 1}, {15, 2}, {45, 4}, {60, 5}, {75, 6}, {30, 3}}, want: "0:1 15:2 45:4 60:5 75:6", stats: ShapeStats{Late: 1}},
		{name: "twice", labels: name, in: script{{0, 1}, {0, 2}, {15, 3}, {45, 4}, {45, 5}, {30, 6}}, want: "0:1 15:3 30:6 45:4", stats: ShapeStats{Late: 2}},
		{name: "a slower beat", labels: name, in: script{{0, 1}, {15, 2}, {75, 3}, {135, 4}, {195, 5}, {255, 6}}, want: "0:1 15:2 75:3 135:4 195:5 255:6"},
		{name: "of the future", labels: name, in: script{{0, 1}, {4000, 2}, {15, 3}}, want: "0:1 15:3", stats: ShapeStats{Future: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			lines, stats := shape(t, Shaping{Kind: tt.kind}, func(sh *Shaper) {
				for _, p := range tt.in {
					sample := Sample{Labels: tt.labels, Type: tt.typ, Time: noon.Add(time.Duration(p[0]) * time.Second), Value: p[1], Stale: p[1] == stale}
					sh.Add(noon.Add(5*time.Minute), &sample)
				}
			})
			for _, l := range lines {
				_, rest, _ := strings.Cut(l, " +")
				got = append(got, strings.Replace(rest, " ", ":", 1))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("readings %s, want %s", s, tt.want)
			}
			if diff := cmp.Diff(tt.stats, stats, cmpopts.IgnoreFields(ShapeStats{}, "Series", "Readings")); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
		})
	}
}

// TestShaperWaitsAsToldTo has a sample come minutes late: in its place within the
// time to wait, and counted and dropped beyond it.
func TestShaperWaitsAsToldTo(t *testing.T) {
	l := NewLabels(Label{NameLabel, "x"})
	for _, tt := range []struct {
		name string
		hold time.Duration
		came int // seconds, of the newest sample when the late one comes
		want ShapeStats
	}{
		{name: "two intervals by default", came: 45, want: ShapeStats{}},
		{name: "later than that", came: 90, want: ShapeStats{Late: 1}},
		{name: "four minutes of five", hold: 5 * time.Minute, came: 270, want: ShapeStats{}},
		{name: "six of five", hold: 5 * time.Minute, came: 390, want: ShapeStats{Late: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var at []float64
			sh, err := NewShaper(Shaping{Hold: tt.hold}, func(r Reading) { at = append(at, r.Time.Sub(noon).Seconds()) })
			if err != nil {
				t.Fatal(err)
			}
			add := func(sec int) {
				when := noon.Add(time.Duration(sec) * time.Second)
				sh.Add(when, &Sample{Labels: l, Time: when, Value: 1})
			}
			add(0)
			add(15)
			for sec := 45; sec <= tt.came; sec += 15 {
				add(sec)
			}
			add(30)
			sh.Flush(noon.Add(time.Hour))
			if !slices.IsSorted(at) || slices.Contains(at, 30) != (tt.want.Late == 0) {
				t.Errorf("readings at %v", at)
			}
			if got := sh.Stats(); got.Late != tt.want.Late || int(got.Readings) != len(at) || len(at)+int(got.Late) != tt.came/15+1 {
				t.Errorf("%+v with %d readings", got, len(at))
			}
		})
	}
}

// TestShaperFuture holds the edge of what is of the future, and that such a
// sample does not keep out those that come after it.
func TestShaperFuture(t *testing.T) {
	got, stats := shape(t, Shaping{}, func(sh *Shaper) {
		l := NewLabels(Label{NameLabel, "x"})
		for k, ahead := range []time.Duration{0, MaxFuture + time.Millisecond, 24 * 365 * time.Hour, 0, MaxFuture} {
			now := noon.Add(time.Duration(k) * 15 * time.Second)
			sh.Add(now, &Sample{Labels: l, Time: now.Add(ahead), Value: float64(k)})
		}
		sh.Flush(noon.Add(time.Hour))
	})
	if want := []string{"x +0 0", "x +45 3", "x +120 4"}; !cmp.Equal(got, want) || stats.Future != 2 || stats.Late != 0 {
		t.Errorf("readings %v and %+v, want %v and two of the future", got, stats, want)
	}
}

func TestShaperFlushesWhatWaits(t *testing.T) {
	l := NewLabels(Label{NameLabel, "x"})
	got, _ := shape(t, Shaping{}, func(sh *Shaper) {
		for _, sec := range []int{0, 15, 60} {
			sh.Add(noon.Add(time.Minute), &Sample{Labels: l, Time: noon.Add(time.Duration(sec) * time.Second), Value: 1})
		}
		sh.Flush(noon.Add(time.Minute + 29*time.Second))
		if sh.Stats().Readings != 2 {
			t.Errorf("%d readings before the hold is over, want 2", sh.Stats().Readings)
		}
		sh.Flush(noon.Add(time.Minute + 30*time.Second))
	})
	if len(got) != 3 {
		t.Errorf("readings %v, want 3", got)
	}
}

// bucketSamples are one scrape of a classic histogram.
func bucketSamples(sec float64, sum float64, counts map[string]float64) []Sample {
	at := noon.Add(time.Duration(sec) * time.Second)
	samples := []Sample{
		{Labels: NewLabels(Label{NameLabel, "d_seconds_sum"}, Label{"job", "a"}), Time: at, Value: sum, Type: Counter},
		{Labels: NewLabels(Label{NameLabel, "d_seconds_count"}, Label{"job", "a"}), Time: at, Value: counts["+Inf"], Type: Counter},
	}
	for _, le := range []string{"+Inf", "0.1", "1"} {
		samples = append(samples, Sample{Labels: NewLabels(Label{NameLabel, "d_seconds_bucket"}, Label{"job", "a"}, Label{leLabel, le}), Time: at, Value: counts[le], Type: Counter})
	}
	return samples
}

func TestShaperClassicHistogram(t *testing.T) {
	scrapes := [][]Sample{
		bucketSamples(0, 10, map[string]float64{"0.1": 100, "1": 100, "+Inf": 100}),
		bucketSamples(15, 16, map[string]float64{"0.1": 100, "1": 110, "+Inf": 110}),
		bucketSamples(30, 1, map[string]float64{"0.1": 10, "1": 10, "+Inf": 10}), // a reset
		bucketSamples(45, 1, map[string]float64{"0.1": 10, "1": 10, "+Inf": 10}), // nothing came
		bucketSamples(60, 9, map[string]float64{"0.1": 10, "1": 10, "+Inf": 12}),
	}
	tests := []struct {
		name, match string
		mean        bool
		want        []string
	}{
		{name: "median by the histogram's name", match: "d_seconds", want: []string{"+15 0.55", "+30 0.05", "+60 1"}},
		{name: "median by the buckets' name", match: "d_seconds_bucket", want: []string{"+15 0.55", "+30 0.05", "+60 1"}},
		{name: "mean", match: `d_seconds{job="a"}`, mean: true, want: []string{"+15 0.6", "+30 0.1", "+60 4"}},
		{name: "another", match: `d_seconds{job="b"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := ParseMatch(tt.match)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := shape(t, Shaping{Match: m, Kind: zscore.KindLatency, Quantile: 0.5, Mean: tt.mean}, func(sh *Shaper) {
				for _, scrape := range scrapes {
					for i := range scrape {
						sh.Add(time.Time{}, &scrape[i])
					}
				}
				if n := len(sh.entries); tt.want == nil && n != 0 {
					t.Errorf("%d entries for what is not meant", n)
				}
			})
			for i, w := range tt.want {
				tt.want[i] = `d_seconds{job="a"} ` + w
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("readings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestShaperRateOfAHistogram(t *testing.T) {
	l := NewLabels(Label{NameLabel, "d"})
	got, _ := shape(t, Shaping{Kind: zscore.KindRate}, func(sh *Shaper) {
		for i := range 3 {
			h := &Histogram{Count: float64(150 * i), Buckets: []Bucket{{0, 1, float64(150 * i)}}}
			sh.Add(time.Time{}, &Sample{Labels: l, Type: Counter, Value: none, Histogram: h, Time: noon.Add(time.Duration(i) * 15 * time.Second)})
		}
	})
	if want := []string{"d +15 10", "d +30 10"}; !cmp.Equal(got, want) {
		t.Errorf("readings %v, want %v", got, want)
	}
}

func TestShaperFoldsWhatIsTooMuch(t *testing.T) {
	// Eight are folded, 2 to 9: 2+3+4+5·5 = 34, and their mean 4.25.
	for _, tt := range []struct {
		kind zscore.Kind
		want string
	}{{zscore.KindRate, "other_series +15 34"}, {zscore.KindGauge, "other_series +15 4.25"}} {
		warned := 0
		got, stats := shape(t, Shaping{Kind: tt.kind, MaxSeries: 2, Warn: func(string) { warned++ }}, func(sh *Shaper) {
			for sec := range 3 {
				for i := range 20 {
					l := NewLabels(Label{NameLabel, "x"}, Label{"i", fmt.Sprint(i)})
					sh.Add(time.Time{}, &Sample{Labels: l, Time: noon.Add(time.Duration(sec) * 15 * time.Second), Value: float64(min(i, 5))})
				}
			}
		})
		if !slices.Contains(got, tt.want) {
			t.Errorf("%v: %v lack %s", tt.kind, got, tt.want)
		}
		if warned != 1 || stats.Series != 2 || stats.Folded != 8 || stats.Dropped != 30 {
			t.Errorf("%v: warned %d times, %+v; want once, 2 series, 8 folded, 30 samples dropped", tt.kind, warned, stats)
		}
	}
}

func TestShaperSweep(t *testing.T) {
	shape(t, Shaping{MaxSeries: 1}, func(sh *Shaper) {
		old, young := NewLabels(Label{NameLabel, "old"}), NewLabels(Label{NameLabel, "young"})
		sh.Add(time.Time{}, &Sample{Labels: old, Time: noon})
		gone := sh.Sweep(noon.Add(time.Hour))
		if len(gone) != 1 || gone[0].Labels != old {
			t.Errorf("swept %v, want the old one", gone)
		}
		sh.Add(time.Time{}, &Sample{Labels: young, Time: noon.Add(time.Hour)})
		if st := sh.Stats(); st.Series != 1 || st.Folded != 0 {
			t.Errorf("%+v: the room of the old one was not given back", st)
		}
	})
}

func TestNewShaperRefuses(t *testing.T) {
	for want, s := range map[string]Shaping{
		"quantile 1.5":  {Quantile: 1.5},
		"at most -1":    {MaxSeries: -1},
		"late 10m0s":    {Hold: 10 * time.Minute},
		"quantile NaN:": {Quantile: math.NaN()},
	} {
		if _, err := NewShaper(s, func(Reading) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: err = %v, want %q", s, err, want)
		}
	}
}
