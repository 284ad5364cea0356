package daemon

import (
	"time"

	"github.com/clewhq/clew/zscore/alert"
)

// orphanAfter is how long after the start or a reload an open incident may be
// without its series.
const orphanAfter = 15 * time.Minute

// orphans ends incidents that nothing would ever end: of rules and inputs that
// are no longer configured, and of series that have not come back.
func (w *watcher) orphans(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.started) < orphanAfter {
		return
	}
	lost := map[string]map[string]bool{} // by rule and series
	for _, i := range w.book.Incidents() {
		if i.Open() {
			if lost[i.Rule] == nil {
				lost[i.Rule] = map[string]bool{}
			}
			lost[i.Rule][i.Series] = true
		}
	}
	for _, r := range w.rules {
		if lost[r.Name] == nil {
			continue
		}
		for _, s := range r.series {
			delete(lost[r.Name], s.of.Labels.String())
		}
	}
	for name := range w.inputs {
		delete(lost[inputRule], name)
	}
	for rule, all := range lost {
		for name := range all {
			w.events = append(w.events, alert.Event{Kind: alert.Resolved, At: now, Incident: alert.Incident{
				Rule: rule, Series: name, Over: "the series has not come back since spikewatch was started or reloaded",
			}})
		}
	}
	w.apply(now)
}
