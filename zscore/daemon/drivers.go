package daemon

import (
	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
)

// drivers finds the label values that make up the deviation of all series of a
// rule, in the direction of the alert.
func drivers(r *rule, up bool) []alert.Driver {
	var away []alert.Deviation
	for _, s := range r.series {
		if s.last.State == zscore.Ready {
			away = append(away, alert.Deviation{Label: s.of.Labels.Get, Away: s.last.Value - s.last.Expected, Expected: s.last.Expected})
		}
	}
	return alert.Drivers(away, r.By, up)
}
