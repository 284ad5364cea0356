package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/chart"
)

// backtest is what the user asked for.
type backtest struct {
	history
	rule zscore.Rule
	hold *time.Duration
	from string
	plot string
}

func backtestCommand(s cli.Streams) *cobra.Command {
	b := new(backtest)
	c := &cobra.Command{
		Use:   "backtest --csv FILE | --prometheus URL --query PROMQL",
		Short: "Show what a rule would have paged in the past",
		Long: `Replays series as the detector would have met them, point by point and nothing
looked up ahead, and lists the alerts that the rule would have raised.

` + historyHelp + ` A series that is silent for two
minutes or for four of its intervals, whichever is longer, is absent.

--plot draws the values, the band in which they were expected and the alerts: one
series as .svg or .png, any number, of those that alert first, as .html.`,
		Example: `  spikewatch backtest --csv rps.csv --calendar krx.yaml --kind rate --from 2026-10-01T00:00:00+09:00
  spikewatch backtest --csv p99.csv --kind latency --detector zscore --format json
  spikewatch backtest --prometheus http://prom:9090 --query 'sum by (route) (rate(http_requests_total[1m]))' --kind rate --plot month.html`,
		Args: cli.NoArgs,
	}
	fs := c.Flags()
	b.flags(fs)
	b.ruleFlags(fs)
	fs.StringVar(&b.from, "from", "", "points before this `time` only teach")
	fs.StringVar(&b.plot, "plot", "", "draw into this `file`, .svg, .png or .html")
	output := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, _ []string) error {
		results, zone, err := b.run(c.Context(), s)
		if err != nil {
			return err
		}
		if err := b.draw(results, zone); err != nil {
			return err
		}
		return output.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return cli.WriteJSON(w, 1, newReport(results, zone))
			}
			return writeText(w, results, zone)
		})
	}
	return c
}

func (b *backtest) ruleFlags(fs *pflag.FlagSet) {
	b.rule = zscore.DefaultRule()
	fs.Float64Var(&b.rule.Fire, "fire", b.rule.Fire, "z at which an alert begins")
	fs.Float64Var(&b.rule.Resolve, "resolve", b.rule.Resolve, "z below which it ends")
	fs.Float64Var(&b.rule.MinRelative, "min-relative", b.rule.MinRelative, "least deviation, as a share of what was expected")
	fs.Float64Var(&b.rule.MinAbsolute, "min-absolute", 0, "least deviation, in the units of the series")
	b.hold = cli.DurationVar(fs, "for", "", b.rule.For, "how long z must stay there")
}

// result is what a rule would have made of one series.
type result struct {
	series *series
	name   string
	zscore.Backtest
	points []chart.Point // for a picture, of what counts
}

func (b *backtest) run(ctx context.Context, s cli.Streams) ([]*result, *time.Location, error) {
	if err := b.checkPlot(); err != nil {
		return nil, nil, err
	}
	all, calendar, err := b.load(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	from, err := parseTime("from", b.from, calendar.Zone)
	if err != nil {
		return nil, nil, err
	}
	b.rule.For, b.rule.Down = *b.hold, b.kind.Rule().Down
	var results []*result
	judged := 0
	for _, one := range all {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		r, err := b.replay(one, calendar, b.rule, from)
		if err != nil {
			return nil, nil, err
		}
		if r.From.IsZero() {
			continue // all of it only teaches
		}
		results = append(results, r)
		judged += r.Judged
	}
	last := all[0].points[len(all[0].points)-1]
	switch {
	case len(results) == 0:
		return nil, nil, fmt.Errorf("%s: no point from %s on; the last is of %s", all[0].name(&b.history), b.from, last.TimeText)
	case judged == 0:
		return nil, nil, fmt.Errorf("%s: nothing was judged: the detector %s was still learning at the last point; give it more history", all[0].name(&b.history), b.detector)
	}
	return results, calendar.Zone, nil
}

// replay shows one series to a new detector.
func (b *backtest) replay(one *series, calendar zscore.Calendar, rule zscore.Rule, from time.Time) (*result, error) {
	detector, err := b.newDetector(calendar, one.interval)
	if err != nil {
		return nil, err
	}
	r := &result{series: one, name: one.name(&b.history)}
	if b.plot != "" {
		detector = &drawing{Detector: detector, from: from, points: &r.points}
	}
	rule.AbsentAfter = zscore.AbsentAfter(one.interval)
	replay, err := zscore.NewReplay(detector, rule, from)
	if err != nil {
		return nil, err
	}
	for _, p := range one.points {
		replay.Observe(p.Time, p.Value)
	}
	r.Backtest = replay.Result()
	return r, nil
}

// drawing keeps what a detector says, to draw it.
type drawing struct {
	zscore.Detector
	from   time.Time
	points *[]chart.Point
}

// Observe implements [zscore.Detector].
func (d *drawing) Observe(t time.Time, v float64) zscore.Verdict {
	verdict := d.Detector.Observe(t, v)
	if !t.Before(d.from) {
		*d.points = append(*d.points, chart.Point{Time: t, Value: v, Low: 4*verdict.Low - 3*verdict.Expected, High: 4*verdict.High - 3*verdict.Expected})
	}
	return verdict
}

func (b *backtest) checkPlot() error {
	switch filepath.Ext(b.plot) {
	case ".svg", ".png", ".html":
		return nil
	}
	if b.plot == "" {
		return nil
	}
	return fmt.Errorf("--plot %s: want a file that ends in .svg, .png or .html", b.plot)
}

// maxCharts is how many series a page draws.
const maxCharts = 30

// draw writes the picture that was asked for.
func (b *backtest) draw(results []*result, zone *time.Location) error {
	if b.plot == "" {
		return nil
	}
	var charts []*chart.Chart
	for _, alerting := range []bool{true, false} {
		for _, r := range results {
			if (len(r.Alerts) > 0) == alerting && len(charts) < maxCharts {
				charts = append(charts, &chart.Chart{Title: r.name, Zone: zone, Points: r.points, Alerts: r.Alerts})
			}
		}
	}
	ext := filepath.Ext(b.plot)
	if ext != ".html" && len(results) > 1 {
		return fmt.Errorf("--plot %s: there are %d series: want .html, or a query with one", b.plot, len(results))
	}
	return cli.WriteFile(b.plot, func(w io.Writer) error {
		switch ext {
		case ".svg":
			return charts[0].SVG(w)
		case ".png":
			return charts[0].PNG(w)
		}
		return chart.HTML(w, "Backtest", summary(results), charts, func(c *chart.Chart, i int) string { return reason(c.Alerts[i]) })
	})
}
