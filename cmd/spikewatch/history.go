package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/source"
)

// history is past points and how to look at them: what backtest, tune and explain
// begin with.
type history struct {
	csv, prometheus, query, zone, calendar, detector, kindName string

	back, step *time.Duration
	kind       zscore.Kind
	now        func() time.Time
}

// historyHelp tells of the flags that all of them have.
const historyHelp = `The points come from a file in CSV or from a Prometheus. The file has the columns
timestamp, RFC 3339 or "2006-01-02 15:04:05" for UTC, and value. A Prometheus is
asked --query over --history up to now, a point each --step; each series of the
answer is judged for itself.

The kind says what a value is: rate, latency and errors are judged by ratio, gauge
by difference, and a counter is turned into its rate; of latency and errors only a
rise counts. The calendar, a YAML file, has any of

  zone: Asia/Seoul
  open: "09:00"
  close: "15:30"
  days: [mon, tue, wed, thu, fri]
  holidays: [2026-01-01]

The detector auto judges by the time of day where that explains the series, and
otherwise by what is usual for it. For the time of day it wants three days of a
kind before it judges that kind: give it some weeks to learn from.`

func (h *history) flags(fs *pflag.FlagSet) {
	h.now = time.Now
	fs.StringVar(&h.csv, "csv", "", "the series, a `file`; - is standard input")
	fs.StringVar(&h.prometheus, "prometheus", "", "the `URL` of a Prometheus to ask instead")
	fs.StringVar(&h.query, "query", "", "what to ask it, in `PromQL`")
	h.back = cli.DurationVar(fs, "history", "", 4*7*24*time.Hour, "how far back to ask it")
	h.step = cli.DurationVar(fs, "step", "", time.Minute, "the time between two of its points")
	fs.StringVar(&h.zone, "zone", "", "IANA time `zone` of days and hours (default: the calendar's, else UTC)")
	fs.StringVar(&h.calendar, "calendar", "", "YAML `file` with opening hours and holidays")
	fs.StringVar(&h.kindName, "kind", "gauge", "what a value is: rate, latency, errors, gauge or counter")
	fs.StringVar(&h.detector, "detector", "auto", "auto, season, ensemble, zscore, ewma or mad; the last three over an hour")
}

// series is one of the past, its times going forward.
type series struct {
	labels   source.Labels // none for a file
	points   []source.Point
	interval time.Duration
}

// name is what messages call a series.
func (s *series) name(h *history) string {
	if s.labels != source.NewLabels() {
		return s.labels.String()
	}
	return h.csv
}

// maxSeries is how many series of an answer are judged.
const maxSeries = 1000

// load reads the series and the calendar.
func (h *history) load(ctx context.Context, s cli.Streams) ([]*series, zscore.Calendar, error) {
	calendar, err := h.readCalendar()
	if err != nil {
		return nil, calendar, err
	}
	if h.kind, err = zscore.ParseKind(h.kindName); err != nil {
		return nil, calendar, fmt.Errorf("--%w", err)
	}
	var all []*series
	switch {
	case (h.csv == "") == (h.prometheus == ""):
		return nil, calendar, errors.New("want the points from --csv or from --prometheus, one of them")
	case h.csv != "" && h.query != "":
		return nil, calendar, errors.New("--query is for --prometheus: a file is one series")
	case h.prometheus != "" && h.query == "":
		return nil, calendar, errors.New("--prometheus wants a --query")
	case h.csv != "":
		all, err = h.readFile(ctx, s)
	default:
		all, err = h.ask(ctx)
	}
	if err != nil {
		return nil, calendar, err
	}
	for _, s := range all {
		s.interval = usualInterval(s.points)
	}
	return all, calendar, nil
}

func (h *history) readCalendar() (zscore.Calendar, error) {
	c := zscore.Calendar{Zone: time.UTC}
	if h.calendar != "" {
		text, err := os.ReadFile(h.calendar)
		if err != nil {
			return c, err
		}
		if c, err = config.ParseCalendar(h.calendar, text); err != nil {
			return c, err
		}
	}
	if h.zone != "" {
		zone, err := config.Zone(h.zone)
		if err != nil {
			return c, fmt.Errorf("--zone: %w", err)
		}
		c.Zone = zone
	}
	return c, nil
}

// readFile reads one series from CSV, a counter's as its rate.
func (h *history) readFile(ctx context.Context, streams cli.Streams) ([]*series, error) {
	name, in := h.csv, streams.In
	if name == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(h.csv)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	s := new(series)
	for p, err := range source.CSV(in) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.points = append(s.points, p)
	}
	note, err := s.tidy()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if note != "" {
		fmt.Fprintf(streams.Err, "warning: %s: %s\n", name, note)
	}
	if len(s.points) < 2 {
		return nil, fmt.Errorf("%s: %d points: a series has at least two", name, len(s.points))
	}
	if h.kind == zscore.KindCounter {
		var rate source.Rate
		for k := range s.points {
			s.points[k].Value = rate.Next(s.points[k].Time, s.points[k].Value)
		}
	}
	return []*series{s}, nil
}

// otherSeries is the share of points at a time that is taken, with another value,
// from which on a file holds more than one series.
const otherSeries = 0.1

// tidy puts the points in the order of time, one for each, and says what it did:
// of two at one time the first that has a value counts, as it would in the daemon.
func (s *series) tidy() (note string, err error) {
	byTime := func(a, b source.Point) int { return a.Time.Compare(b.Time) }
	var notes []string
	if !slices.IsSortedFunc(s.points, byTime) {
		slices.SortStableFunc(s.points, byTime)
		notes = append(notes, "not in the order of time: it was sorted")
	}
	kept, again, differ := s.points[:0], 0, 0
	for k, p := range s.points {
		if k == 0 || p.Time.After(kept[len(kept)-1].Time) {
			kept = append(kept, p)
			continue
		}
		again++
		switch last := &kept[len(kept)-1]; {
		case math.IsNaN(last.Value):
			*last = p
		case p.Value != last.Value && !math.IsNaN(p.Value):
			differ++
		}
	}
	if n := len(s.points); differ > 1 && float64(differ) > otherSeries*float64(n) {
		return "", fmt.Errorf("%d of %d points have the time of another and differ: a file holds one series", differ, n)
	}
	if s.points = kept; again > 0 {
		notes = append(notes, fmt.Sprintf("%d points have the time of another: the first counts", again))
	}
	return strings.Join(notes, "; "), nil
}

// ask takes the series from a Prometheus.
func (h *history) ask(ctx context.Context) ([]*series, error) {
	const name = "query"
	p := &source.Prometheus{URL: h.prometheus, Queries: map[string]string{name: h.query}, Step: *h.step}
	to := h.now().Truncate(*h.step)
	found := map[source.Labels]*series{}
	rates := map[source.Labels]*source.Rate{}
	var all []*series
	for samples, err := range p.Range(ctx, name, to.Add(-*h.back), to) {
		if err != nil {
			return nil, err
		}
		for _, sample := range samples {
			s := found[sample.Labels]
			if s == nil {
				if len(all) == maxSeries {
					return nil, fmt.Errorf("%s: the query answers with more than %d series: narrow it, or sum some up", p.Name(), maxSeries)
				}
				s = &series{labels: sample.Labels.Without(source.NameLabel)}
				found[sample.Labels], rates[sample.Labels], all = s, new(source.Rate), append(all, s)
			}
			if h.kind == zscore.KindCounter {
				sample.Value = rates[sample.Labels].Next(sample.Time, sample.Value)
			}
			s.points = append(s.points, source.Point{Time: sample.Time, Value: sample.Value, TimeText: sample.Time.Format(time.RFC3339)})
		}
	}
	all = slices.DeleteFunc(all, func(s *series) bool { return len(s.points) < 2 })
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no series of two points or more answers the query in the last %v", p.Name(), *h.back)
	}
	slices.SortFunc(all, func(a, b *series) int { return strings.Compare(a.labels.String(), b.labels.String()) })
	return all, nil
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

func (h *history) newDetector(calendar zscore.Calendar, interval time.Duration) (zscore.Detector, error) {
	schedule, err := zscore.NewSchedule(calendar)
	if err != nil {
		return nil, err
	}
	d, err := zscore.NewDetector(h.detector, schedule, h.kind, interval)
	if err != nil {
		return nil, fmt.Errorf("--%w", err)
	}
	return d, nil
}

// parseTime reads a time as people type it; "" is the zero time.
func parseTime(flag, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--%s %s: want a time such as 2026-10-01 or 2026-10-01T00:00:00+09:00", flag, text)
}
