package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/source"
)

// backtest is what the user asked for.
type backtest struct {
	csv, zone, calendar, detector, from string

	kind zscore.Kind
	rule zscore.Rule
}

func backtestCommand(s cli.Streams) *cobra.Command {
	b := backtest{rule: zscore.DefaultRule()}
	c := &cobra.Command{
		Use:   "backtest --csv FILE",
		Short: "Show what a rule would have paged in the past",
		Long: `Replays a series as the detector would have met it, point by point and nothing
looked up ahead, and lists the alerts that the rule would have raised.

The file has the columns timestamp, RFC 3339 or "2006-01-02 15:04:05" for UTC,
and value. The kind says what a value is: rate, latency and errors are judged by
ratio, gauge by difference, and a counter is turned into its rate; of latency
and errors only a rise counts. The calendar, a YAML file, has any of

  zone: Asia/Seoul
  open: "09:00"
  close: "15:30"
  days: [mon, tue, wed, thu, fri]
  holidays: [2026-01-01]

The detector auto judges by the time of day where that explains the series, and
otherwise by what is usual for it. For the time of day it wants three days of a
kind before it judges that kind: give it some weeks before --from. A series that
is silent for more than three of its intervals is absent.`,
		Example: `  spikewatch backtest --csv rps.csv --calendar krx.yaml --kind rate --from 2026-10-01T00:00:00+09:00
  spikewatch backtest --csv p99.csv --kind latency --detector zscore --format json`,
		Args: cli.NoArgs,
	}
	fs := c.Flags()
	fs.StringVar(&b.csv, "csv", "", "the series, a `file`; - is standard input")
	fs.StringVar(&b.zone, "zone", "", "IANA time `zone` of days and hours (default: the calendar's, else UTC)")
	fs.StringVar(&b.calendar, "calendar", "", "YAML `file` with opening hours and holidays")
	kind := fs.String("kind", "gauge", "what a value is: rate, latency, errors, gauge or counter")
	fs.StringVar(&b.detector, "detector", "auto", "auto, season, ensemble, zscore, ewma or mad; the last three over an hour")
	fs.StringVar(&b.from, "from", "", "points before this `time` only teach")
	fs.Float64Var(&b.rule.Fire, "fire", b.rule.Fire, "z at which an alert begins")
	fs.Float64Var(&b.rule.Resolve, "resolve", b.rule.Resolve, "z below which it ends")
	fs.Float64Var(&b.rule.MinRelative, "min-relative", b.rule.MinRelative, "least deviation, as a share of what was expected")
	fs.Float64Var(&b.rule.MinAbsolute, "min-absolute", 0, "least deviation, in the units of the series")
	hold := cli.DurationVar(fs, "for", "", b.rule.For, "how long z must stay there")
	output := cli.OutputFlags(c, cli.Text, cli.JSON)
	if err := c.MarkFlagRequired("csv"); err != nil {
		panic(err) // the flag was added above
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		if b.kind, err = zscore.ParseKind(*kind); err != nil {
			return fmt.Errorf("--%w", err)
		}
		b.rule.For, b.rule.Down = *hold, b.kind.Rule().Down
		result, zone, err := b.run(c.Context(), s)
		if err != nil {
			return err
		}
		return output.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return cli.WriteJSON(w, 1, newReport(result, zone))
			}
			return writeText(w, result, zone)
		})
	}
	return c
}

func (b *backtest) run(ctx context.Context, s cli.Streams) (zscore.Backtest, *time.Location, error) {
	none := zscore.Backtest{}
	calendar, err := b.readCalendar()
	if err != nil {
		return none, nil, err
	}
	from, err := b.start(calendar.Zone)
	if err != nil {
		return none, nil, err
	}
	points, err := b.readPoints(ctx, s.In)
	if err != nil {
		return none, nil, err
	}
	interval := usualInterval(points)
	detector, err := b.newDetector(calendar, interval)
	if err != nil {
		return none, nil, err
	}
	b.rule.AbsentAfter = 3 * interval
	replay, err := zscore.NewReplay(detector, b.rule, from)
	if err != nil {
		return none, nil, err
	}
	for _, p := range points {
		replay.Observe(p.Time, p.Value)
	}
	result := replay.Result()
	if result.From.IsZero() {
		return none, nil, fmt.Errorf("%s: no point from %s on; the last is of %s", b.csv, b.from, points[len(points)-1].TimeText)
	}
	if result.Judged == 0 {
		return none, nil, fmt.Errorf("%s: nothing was judged: the detector %s was still learning at the last point; give it more history", b.csv, b.detector)
	}
	return result, calendar.Zone, nil
}

func (b *backtest) readCalendar() (zscore.Calendar, error) {
	c := zscore.Calendar{Zone: time.UTC}
	if b.calendar != "" {
		f, err := os.Open(b.calendar)
		if err != nil {
			return c, err
		}
		defer f.Close()
		if c, err = source.Calendar(f); err != nil {
			return c, fmt.Errorf("%s: %w", b.calendar, err)
		}
	}
	if b.zone != "" {
		zone, err := source.Zone(b.zone)
		if err != nil {
			return c, fmt.Errorf("--zone: %w", err)
		}
		c.Zone = zone
	}
	return c, nil
}

// start is the zero time when every point counts.
func (b *backtest) start(zone *time.Location) (time.Time, error) {
	if b.from == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, b.from, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--from %s: want a time such as 2026-10-01 or 2026-10-01T00:00:00+09:00", b.from)
}

// readPoints reads the series, a counter's as its rate. Time must go forward.
func (b *backtest) readPoints(ctx context.Context, in io.Reader) ([]source.Point, error) {
	name := b.csv
	if name == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(b.csv)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var points []source.Point
	var rate source.Rate
	for p, err := range source.CSV(in) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if n := len(points); n > 0 && !p.Time.After(points[n-1].Time) {
			return nil, fmt.Errorf("%s: point %d, of %s, is not later than the one before it: sort the file by time, one series in it", name, n+1, p.TimeText)
		}
		if b.kind == zscore.KindCounter {
			p.Value = rate.Next(p.Time, p.Value)
		}
		points = append(points, p)
	}
	if len(points) < 2 {
		return nil, fmt.Errorf("%s: %d points: a series has at least two", name, len(points))
	}
	return points, nil
}

// usualInterval is the median time between two points.
func usualInterval(points []source.Point) time.Duration {
	gaps := make([]time.Duration, 0, len(points)-1)
	for i := range points[1:] {
		gaps = append(gaps, points[i+1].Time.Sub(points[i].Time))
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

func (b *backtest) newDetector(calendar zscore.Calendar, interval time.Duration) (zscore.Detector, error) {
	schedule, err := zscore.NewSchedule(calendar)
	if err != nil {
		return nil, err
	}
	d, err := zscore.NewDetector(b.detector, schedule, b.kind, interval)
	if err != nil {
		return nil, fmt.Errorf("--%w", err)
	}
	return d, nil
}
