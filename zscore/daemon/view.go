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
	for _, r := range w.rules {
		for _, s := range r.series {
			out = append(out, s.view(r, now))
		}
	}
	slices.SortFunc(out, func(x, y SeriesView) int {
		if x.Firing != y.Firing {
			if x.Firing {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(loud(y), loud(x)), cmp.Compare(x.Rule, y.Rule), cmp.Compare(x.Series, y.Series))
	})
	return out[:min(n, len(out))], len(out)
}

func loud(v SeriesView) float64 {
	if !v.Z.Known() {
		return -1
	}
	return math.Abs(float64(v.Z))
}

func (s *series) view(r *rule, now time.Time) SeriesView {
	nan := alert.Number(math.NaN())
	v := SeriesView{Rule: r.Name, Series: s.of.Labels.String(), State: zscore.Learning.String(), Value: nan, Expected: nan, Z: nan, glances: s.glances()}
	if s.n > 0 {
		v.Value = alert.Number(s.recent[(s.n-1)%recentPoints].value)
	}
	if s.detector == nil {
		return v
	}
	v.Firing, v.At = s.condition.Firing(), s.at
	switch {
	case now.Sub(s.came) > 3*max(s.of.Interval(), time.Second):
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
		for _, y := range []float32{g.value, g.low, g.high} {
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
		if g.low == g.low && g.high == g.high {
			upper, lower = append(upper, at(k, g.high)), append(lower, at(k, g.low))
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
