package main

import (
	"context"
	"fmt"
	"time"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/daemon"
	"github.com/clewhq/clew/zscore/notify"
)

// ask has the running daemon explain the series that match.
func (e *explain) ask(ctx context.Context, file, match string) (*explanation, error) {
	if e.csv != "" || e.prometheus != "" || e.at != "" || len(e.by) > 0 {
		return nil, cli.Usagef("a running daemon knows the last points only, and the labels of its rules: --csv, --prometheus, --at and --by are for history")
	}
	c, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	d, err := daemon.Dial(c.State.Dir)
	if err != nil {
		return nil, err
	}
	found, total, err := d.Explain(ctx, match)
	if err != nil {
		return nil, err
	}
	if total == 0 {
		return nil, fmt.Errorf("no series that the daemon watches matches %s", match)
	}
	x := &explanation{Drivers: found[0].Drivers, Direction: zscore.Up.String(), more: total - len(found)}
	if found[0].Z < 0 {
		x.Direction = zscore.Down.String()
	}
	for _, one := range found {
		x.Series = append(x.Series, fromDaemon(one, c.Zone))
	}
	return x, nil
}

// fromDaemon puts what the daemon says into the form of what is replayed.
func fromDaemon(d daemon.Explained, zone *time.Location) seen {
	s := seen{Series: d.Series, Rule: d.Rule, Interval: d.Interval, Incident: d.Incident, Recent: d.Recent}
	p := point{Time: d.At.In(zone), Value: finite(float64(d.Value)), State: d.State}
	if d.State == zscore.Ready.String() {
		p.Expected, p.Low, p.High = finite(float64(d.Expected)), finite(float64(d.Low)), finite(float64(d.High))
		p.Z, p.Baseline = float64(d.Z), d.Cause
	}
	s.Points = []point{p}
	return s
}

// live is the line of what only a daemon knows.
func (s *seen) live() string {
	if s.Rule == "" {
		return ""
	}
	line := "rule " + s.Rule
	if s.Interval != "" {
		line += ", a point each " + s.Interval
	}
	if s.Incident != "" {
		line += ", incident " + s.Incident
	}
	if picture := notify.Sparkline(s.Recent); picture != "" {
		line += "\n" + picture
	}
	return line + "\n"
}
