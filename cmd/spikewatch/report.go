package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/clewhq/clew/zscore"
)

// report is a backtest's contract in JSON.
type report struct {
	Alerts       []alertReport `json:"alerts"`
	PagesPerWeek float64       `json:"pages_per_week"`
	From         time.Time     `json:"from"`
	To           time.Time     `json:"to"`
	Judged       int           `json:"points_judged"`
	Learning     int           `json:"points_learning"`
	Missing      int           `json:"points_missing"`
}

type alertReport struct {
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Direction string    `json:"direction"`
	PeakZ     float64   `json:"peak_z"`
	// Value and Expected are of the peak, null when there was none.
	Value    *float64 `json:"value"`
	Expected *float64 `json:"expected"`
	Reason   string   `json:"reason"`
}

func newReport(b zscore.Backtest, zone *time.Location) report {
	r := report{
		Alerts: make([]alertReport, 0, len(b.Alerts)), PagesPerWeek: b.PagesPerWeek(),
		From: b.From.In(zone), To: b.To.In(zone), Judged: b.Judged, Learning: b.Learning, Missing: b.Missing,
	}
	for _, a := range b.Alerts {
		r.Alerts = append(r.Alerts, alertReport{
			Start: a.Start.In(zone), End: a.End.In(zone), Direction: a.Direction.String(), PeakZ: a.Peak.Z,
			Value: finite(a.Peak.Value), Expected: finite(a.Peak.Expected), Reason: reason(a),
		})
	}
	return r
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
	return fmt.Sprintf("%s where %s was expected by %s: z %+.1f", number(a.Peak.Value), number(a.Peak.Expected), a.Peak.Cause, a.Peak.Z)
}

// number writes four digits that mean something, without an exponent where
// people use none.
func number(x float64) string {
	if abs := math.Abs(x); abs >= 1000 && abs < 1e15 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.4g", x)
}

func writeText(w io.Writer, b zscore.Backtest, zone *time.Location) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(b.Alerts) > 0 {
		fmt.Fprint(t, "START\tLASTED\tDIRECTION\tREASON\n")
	}
	for _, a := range b.Alerts {
		fmt.Fprintf(t, "%s\t%v\t%s\t%s\n", a.Start.In(zone).Format("2006-01-02 15:04:05 MST"), a.End.Sub(a.Start).Round(time.Second), a.Direction, reason(a))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(b.Alerts) > 0 {
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintf(w, "alerts: %d in %s, %s a week\npoints: %d judged, %d while learning, %d missing\n",
		len(b.Alerts), span(b.To.Sub(b.From)), number(b.PagesPerWeek()), b.Judged, b.Learning, b.Missing)
	return err
}

func span(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	}
	return d.Round(time.Second).String()
}
