package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
)

// report is a backtest's contract in JSON.
type report struct {
	Alerts       []alertReport `json:"alerts"`
	PagesPerWeek float64       `json:"pages_per_week"`
	Series       int           `json:"series"`
	From         time.Time     `json:"from"`
	To           time.Time     `json:"to"`
	Judged       int           `json:"points_judged"`
	Learning     int           `json:"points_learning"`
	Missing      int           `json:"points_missing"`
}

type alertReport struct {
	// Series is the one that alerted, absent for a file.
	Series    string    `json:"series,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Direction string    `json:"direction"`
	PeakZ     float64   `json:"peak_z"`
	// Value and Expected are of the peak, null when there was none.
	Value    *float64 `json:"value"`
	Expected *float64 `json:"expected"`
	Reason   string   `json:"reason"`
}

// newReport joins the results of all series, the alerts in the order of time.
func newReport(results []*result, zone *time.Location) report {
	all := total(results)
	r := report{
		Alerts: []alertReport{}, PagesPerWeek: all.PagesPerWeek(), Series: len(results),
		From: all.From.In(zone), To: all.To.In(zone), Judged: all.Judged, Learning: all.Learning, Missing: all.Missing,
	}
	for _, one := range results {
		for _, a := range one.Alerts {
			entry := alertReport{
				Start: a.Start.In(zone), End: a.End.In(zone), Direction: a.Direction.String(), PeakZ: a.Peak.Z,
				Value: finite(a.Peak.Value), Expected: finite(a.Peak.Expected), Reason: reason(a),
			}
			if len(results) > 1 {
				entry.Series = one.name
			}
			r.Alerts = append(r.Alerts, entry)
		}
	}
	slices.SortStableFunc(r.Alerts, func(a, b alertReport) int { return a.Start.Compare(b.Start) })
	return r
}

// total is what was found in all series.
func total(results []*result) zscore.Backtest {
	all := zscore.Backtest{From: results[0].From, To: results[0].To}
	for _, r := range results {
		all.Alerts = append(all.Alerts, r.Alerts...)
		all.Judged, all.Learning, all.Missing = all.Judged+r.Judged, all.Learning+r.Learning, all.Missing+r.Missing
		if r.From.Before(all.From) {
			all.From = r.From
		}
		if r.To.After(all.To) {
			all.To = r.To
		}
	}
	return all
}

// finite is nil for what JSON has no number for.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// reason says in a sentence why an alert was raised.
func reason(a zscore.Alert) string {
	if a.Direction == zscore.Gone {
		return fmt.Sprintf("no value for %v", a.End.Sub(a.Start).Round(time.Second))
	}
	return fmt.Sprintf("%s where %s was expected by %s: z %+.1f", alert.Number(a.Peak.Value), alert.Number(a.Peak.Expected), a.Peak.Cause, a.Peak.Z)
}

func writeText(w io.Writer, results []*result, zone *time.Location) error {
	r := newReport(results, zone)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Alerts) > 0 {
		fmt.Fprint(t, "START\tLASTED\tDIRECTION\tREASON\n")
	}
	for _, a := range r.Alerts {
		why := a.Reason
		if a.Series != "" {
			why = a.Series + ": " + why
		}
		fmt.Fprintf(t, "%s\t%v\t%s\t%s\n", a.Start.Format("2006-01-02 15:04:05 MST"), a.End.Sub(a.Start).Round(time.Second), a.Direction, why)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Alerts) > 0 {
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "%s\npoints: %d judged, %d while learning, %d missing\n", summary(results), r.Judged, r.Learning, r.Missing)
	return err
}

// summary is a backtest in a line.
func summary(results []*result) string {
	all := total(results)
	of := ""
	if len(results) > 1 {
		of = fmt.Sprintf(" of %d series", len(results))
	}
	return fmt.Sprintf("alerts: %d%s in %s, %s a week", len(all.Alerts), of, span(all.To.Sub(all.From)), alert.Number(all.PagesPerWeek()))
}

func span(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	}
	return d.Round(time.Second).String()
}
