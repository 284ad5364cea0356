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
	known := map[string]bool{}
	for _, r := range w.rules {
		for _, s := range r.series {
			known[r.Name+"\x00"+s.of.Labels.String()] = true
		}
	}
	for name := range w.inputs {
		known[inputRule+"\x00"+name] = true
	}
	for _, i := range w.book.Incidents() {
		if i.Open() && !known[i.Rule+"\x00"+i.Series] {
			w.events = append(w.events, alert.Event{Kind: alert.Resolved, At: now, Incident: alert.Incident{
				Rule: i.Rule, Series: i.Series, Over: "the series has not come back since spikewatch was started or reloaded",
			}})
		}
	}
	w.apply(now)
}
