package daemon

import (
	"cmp"
	"math"
	"slices"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
)

const (
	// leastShare is the share of the deviation from which a label's value drives it,
	// and mostDrivers how many are named.
	leastShare  = 0.2
	mostDrivers = 3
)

// drivers finds the label values that make up the deviation of all series of a
// rule, in the direction of the alert. A label that has one value only explains
// nothing.
func drivers(r *rule, up bool) []alert.Driver {
	total := 0.0
	by := make([]map[string]float64, len(r.By))
	for k := range by {
		by[k] = map[string]float64{}
	}
	for _, s := range r.series {
		if s.last.State != zscore.Ready {
			continue
		}
		away := s.last.Value - s.last.Expected
		if !up {
			away = -away
		}
		away = math.Max(away, 0)
		total += away
		for k, name := range r.By {
			by[k][s.of.Labels.Get(name)] += away
		}
	}
	var out []alert.Driver
	for k, name := range r.By {
		for value, away := range by[k] {
			if share := away / total; value != "" && len(by[k]) > 1 && share >= leastShare {
				out = append(out, alert.Driver{Label: name, Value: value, Share: share})
			}
		}
	}
	slices.SortFunc(out, func(x, y alert.Driver) int {
		return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.Label, y.Label), cmp.Compare(x.Value, y.Value))
	})
	return out[:min(len(out), mostDrivers)]
}
