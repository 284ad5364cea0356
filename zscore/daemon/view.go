package daemon

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/source"
)

// SeriesView is a series as the page and the API show it.
type SeriesView struct {
	Rule     string       `json:"rule"`
	Series   string       `json:"series"`
	State    string       `json:"state"` // learning, ready or absent
	Value    alert.Number `json:"value"`
	Expected alert.Number `json:"expected"`
	Z        alert.Number `json:"z"`
	Cause    string       `json:"against"`
	At       time.Time    `json:"at,omitzero"`
	Firing   bool         `json:"firing"`

	glances []glance
}

var unknown = alert.Number(math.NaN())

// InputView is an input as the page and the API show it.
type InputView struct {
	Name    string    `json:"name"`
	Samples uint64    `json:"samples"`
	LastOK  time.Time `json:"last_ok,omitzero"`
	Error   string    `json:"error,omitempty"`
}

// views are the n series of most interest: what fires, then the largest z.
func (w *watcher) views(n int) (out []SeriesView, total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	all := w.ranked(now, source.Match{})
	// Only what is shown is written out: the others may be a hundred thousand.
	for _, c := range all[:min(n, len(all))] {
		out = append(out, c.view(c.rule, now))
	}
	return out, len(all)
}

// ranking is a series with how much it is of interest.
type ranking struct {
	*series
	rule *rule
	loud float64
}

// ranked are the series that match, those of most interest first. The caller
// holds mu.
func (w *watcher) ranked(now time.Time, match source.Match) (all []ranking) {
	for _, r := range w.rules {
		for _, s := range r.series {
			if match.Matches(s.of.Labels) {
				all = append(all, ranking{s, r, s.loud(now)})
			}
		}
	}
	slices.SortFunc(all, func(x, y ranking) int {
		return cmp.Or(cmp.Compare(y.loud, x.loud), cmp.Compare(x.rule.Name, y.rule.Name), cmp.Compare(x.of.Labels.Key(), y.of.Labels.Key()))
	})
	return all
}

// loud is how far up the page a series belongs.
func (s *series) loud(now time.Time) float64 {
	switch {
	case s.detector == nil:
		return -1
	case s.condition.Firing():
		return 2*zscore.MaxZ + math.Abs(s.last.Z)
	case s.silent(now) || s.last.State != zscore.Ready:
		return -1
	}
	return math.Abs(s.last.Z)
}

// silent reports whether a series should have come, and has not.
func (s *series) silent(now time.Time) bool {
	return now.Sub(s.came) > 3*max(s.of.Interval(), time.Second)
}

func (s *series) view(r *rule, now time.Time) SeriesView {
	v := SeriesView{Rule: r.Name, Series: s.of.Labels.String(), State: zscore.Learning.String(), Value: unknown, Expected: unknown, Z: unknown, glances: s.glances()}
	if s.n > 0 {
		v.Value = alert.Number(s.recent[(s.n-1)%recentPoints].value)
	}
	if s.detector == nil {
		return v
	}
	v.Firing, v.At = s.condition.Firing(), s.at
	switch {
	case s.silent(now):
		v.State = zscore.Absent.String()
	case s.last.State == zscore.Ready:
		v.State, v.Expected, v.Z, v.Cause = s.last.State.String(), alert.Number(s.last.Expected), alert.Number(s.last.Z), s.last.Cause.String()
	}
	return v
}

// inputViews are all inputs by name.
func (w *watcher) inputViews() []InputView {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []InputView
	for _, in := range w.inputs {
		v := InputView{Name: in.name, Samples: in.samples, LastOK: in.lastOK}
		if in.err != nil {
			v.Error = in.err.Error()
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(x, y InputView) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

const (
	chartWidth  = 160
	chartHeight = 36
)

// Line is the value's path in the units of the chart, and Band the expected
// range's outline.
func (v SeriesView) chart() (line, band string) {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, g := range v.glances {
		for _, y := range []float32{g.value, g.low(), g.high()} {
			if y := float64(y); !math.IsNaN(y) && !math.IsInf(y, 0) {
				lo, hi = math.Min(lo, y), math.Max(hi, y)
			}
		}
	}
	if !(hi > lo) {
		hi = lo + 1
	}
	at := func(k int, y float32) string {
		return fmt.Sprintf("%.1f,%.1f", float64(k)*chartWidth/(recentPoints-1), chartHeight-2-(float64(y)-lo)/(hi-lo)*(chartHeight-4))
	}
	var points, upper, lower []string
	for k, g := range v.glances {
		points = append(points, at(k, g.value))
		if low, high := g.low(), g.high(); low == low && high == high {
			upper, lower = append(upper, at(k, high)), append(lower, at(k, low))
		}
	}
	slices.Reverse(lower)
	return strings.Join(points, " "), strings.Join(append(upper, lower...), " ")
}

// Line is the path of the values, for the page.
func (v SeriesView) Line() string {
	line, _ := v.chart()
	return line
}

// Band is the outline of what is expected, for the page.
func (v SeriesView) Band() string {
	_, band := v.chart()
	return band
}
