package daemon

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/source"
)

// explainSeries is how many series an explanation is about at most.
const explainSeries = 10

// Explained is a series with all that the daemon knows of its last point.
type Explained struct {
	SeriesView

	// Low and High are the band of z ±1.
	Low      alert.Number `json:"low"`
	High     alert.Number `json:"high"`
	Interval string       `json:"interval,omitempty"` // as Go writes durations; "" while it is not known
	Incident string       `json:"incident,omitempty"`
	// Recent are the last values, the oldest first.
	Recent []alert.Number `json:"recent"`
	// Drivers are the label values that make up the deviation of the rule's series
	// in the direction of this one.
	Drivers []alert.Driver `json:"drivers,omitempty"`
}

type explainAnswer struct {
	SchemaVersion int         `json:"schema_version"`
	Total         int         `json:"total"`
	Series        []Explained `json:"series"`
}

// Explain asks how the daemon judges the series that a selector of Prometheus
// matches; "" is all. It answers those of most interest, and how many there are.
func (c *Client) Explain(ctx context.Context, match string) ([]Explained, int, error) {
	var a explainAnswer
	err := c.call(ctx, http.MethodGet, "explain?match="+url.QueryEscape(match), nil, &a)
	return a.Series, a.Total, err
}

func (d *daemon) explain(rw http.ResponseWriter, r *http.Request) {
	var match source.Match
	if text := r.FormValue("match"); text != "" {
		var err error
		if match, err = source.ParseMatch(text); err != nil {
			http.Error(rw, err.Error(), http.StatusBadRequest)
			return
		}
	}
	all, total := d.watcher.explain(match)
	open := map[string]string{}
	for _, i := range d.book.Incidents() {
		if i.Open() {
			open[i.Rule+"\x00"+i.Series] = i.ID
		}
	}
	for k := range all {
		all[k].Incident = open[all[k].Rule+"\x00"+all[k].Series]
	}
	answer(rw, explainAnswer{apiVersion, total, all})
}

// explain tells of the series of most interest among those that match.
func (w *watcher) explain(match source.Match) (out []Explained, total int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	all := w.ranked(now, match)
	for _, c := range all[:min(explainSeries, len(all))] {
		out = append(out, c.explain(c.rule, now))
	}
	return out, len(all)
}

func (s *series) explain(r *rule, now time.Time) Explained {
	e := Explained{SeriesView: s.view(r, now), Recent: s.picture()}
	if step := s.of.Interval(); step > 0 {
		e.Interval = step.String()
	}
	e.Low, e.High = unknown, unknown
	if s.detector != nil && s.last.State == zscore.Ready {
		e.Value, e.Low, e.High = alert.Number(s.last.Value), alert.Number(s.last.Low), alert.Number(s.last.High)
		e.Drivers = drivers(r, s.last.Value > s.last.Expected)
	}
	return e
}
