package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/source"
)

// explain is what the user asked for.
type explain struct {
	history
	at string
	by []string
}

func explainCommand(s cli.Streams) *cobra.Command {
	e := new(explain)
	c := &cobra.Command{
		Use:   "explain SERIES | --csv FILE | --prometheus URL --query PROMQL",
		Short: "Show what the detector saw at a time, and why",
		Long: `Replays series up to a time and shows how the detector judged the last point until
then: its value, what was expected, in which band and by which baseline, z, and the
points before it. Of several series the one that is furthest off comes first, and
the label values that make up the deviation of all of them are named.

With SERIES, a selector such as 'gw_rps{route="/pay"}', the running daemon of the
configuration is asked instead: what it makes of the last point of each series that
matches, and of the values before it.

` + historyHelp,
		Example: `  spikewatch explain --csv rps.csv --kind rate --calendar krx.yaml --at 2026-10-07T09:02:00+09:00
  spikewatch explain 'gw_rps{route="/pay"}' -c spikewatch.yaml
  spikewatch explain --prometheus http://prom:9090 --query 'sum by (route, zone) (rate(http_requests_total[1m]))' --kind rate --by route,zone`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return cli.Usagef("want one selector at most: %q", args)
			}
			return nil
		},
	}
	fs := c.Flags()
	e.flags(fs)
	fs.StringVar(&e.at, "at", "", "the `time` to look at (default: the last point)")
	fs.StringSliceVar(&e.by, "by", nil, "`labels` to look for what drives it (default: all)")
	file := configFlag(c)
	output := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, args []string) error {
		explain := func() (*explanation, error) { return e.run(c.Context(), s) }
		if len(args) == 1 {
			explain = func() (*explanation, error) { return e.ask(c.Context(), *file, args[0]) }
		}
		ex, err := explain()
		if err != nil {
			return err
		}
		return output.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return cli.WriteJSON(w, 1, ex)
			}
			return ex.text(w)
		})
	}
	return c
}

// explanation is the command's answer, and its contract in JSON.
type explanation struct {
	Series    []seen         `json:"series"`
	Drivers   []alert.Driver `json:"drivers"`
	Direction string         `json:"direction"`

	more int // series that there are beyond those
}

// seen is how one series was judged.
type seen struct {
	Series string  `json:"series"`
	Points []point `json:"points"` // the judged one last
	Learnt int     `json:"points_learnt,omitempty"`
	// What only a daemon knows.
	Rule     string         `json:"rule,omitempty"`
	Interval string         `json:"interval,omitempty"`
	Incident string         `json:"incident,omitempty"`
	Recent   []alert.Number `json:"recent,omitempty"`

	labels source.Labels
	last   zscore.Verdict
}

type point struct {
	Time     time.Time `json:"time"`
	Value    *float64  `json:"value"`
	Expected *float64  `json:"expected"`
	Low      *float64  `json:"low"`
	High     *float64  `json:"high"`
	Z        float64   `json:"z"`
	State    string    `json:"state"`
	Baseline string    `json:"baseline"`
}

// shownBefore is how many points are shown, the judged one among them, and
// shownSeries of how many series.
const (
	shownBefore = 6
	shownSeries = 10
)

func (e *explain) run(ctx context.Context, s cli.Streams) (*explanation, error) {
	all, calendar, err := e.load(ctx, s)
	if err != nil {
		return nil, err
	}
	at, err := parseTime("at", e.at, calendar.Zone)
	if err != nil {
		return nil, err
	}
	out := &explanation{Drivers: []alert.Driver{}}
	names := map[string]bool{}
	for _, one := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, err := e.look(one, calendar, at)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		out.Series = append(out.Series, *v)
		for name := range one.labels.All() {
			names[name] = true
		}
	}
	if len(out.Series) == 0 {
		return nil, fmt.Errorf("%s: no point until %s; the first is of %s", all[0].name(&e.history), e.at, all[0].points[0].TimeText)
	}
	slices.SortStableFunc(out.Series, func(a, b seen) int { return cmp.Compare(math.Abs(b.last.Z), math.Abs(a.last.Z)) })
	if len(e.by) == 0 {
		for name := range names {
			e.by = append(e.by, name)
		}
		slices.Sort(e.by)
	}
	out.drive(e.by)
	return out, nil
}

// look replays one series; nil is one without a point until then.
func (e *explain) look(one *series, calendar zscore.Calendar, at time.Time) (*seen, error) {
	d, err := e.newDetector(calendar, one.interval)
	if err != nil {
		return nil, err
	}
	v := &seen{Series: one.name(&e.history), labels: one.labels}
	for _, p := range one.points {
		if !at.IsZero() && p.Time.After(at) {
			break
		}
		v.last = d.Observe(p.Time, p.Value)
		v.Learnt++
		if len(v.Points) == shownBefore {
			v.Points = slices.Delete(v.Points, 0, 1)
		}
		v.Points = append(v.Points, point{
			p.Time.In(calendar.Zone), finite(p.Value), finite(v.last.Expected), finite(v.last.Low), finite(v.last.High),
			v.last.Z, v.last.State.String(), v.last.Cause.String(),
		})
	}
	if v.Learnt == 0 {
		return nil, nil
	}
	v.Learnt-- // the last one was judged
	return v, nil
}

// drive names the label values that the deviation comes from, in the direction of
// the series that is furthest off.
func (x *explanation) drive(labels []string) {
	x.Direction = zscore.Up.String()
	if x.Series[0].last.Z < 0 {
		x.Direction = zscore.Down.String()
	}
	var away []alert.Deviation
	for _, s := range x.Series {
		if s.last.State == zscore.Ready {
			away = append(away, alert.Deviation{Label: s.labels.Get, Away: s.last.Value - s.last.Expected, Expected: s.last.Expected})
		}
	}
	x.Drivers = append(x.Drivers, alert.Drivers(away, labels, x.Direction == "up")...)
}

func (x *explanation) text(w io.Writer) error {
	for i, s := range x.Series {
		if i == shownSeries {
			break
		}
		fmt.Fprintf(w, "%s\n%s\n%s", s.Series, s.sentence(), s.live())
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprint(t, "  TIME\tVALUE\tEXPECTED\tBAND OF Z ±1\tZ\tAGAINST\n")
		for _, p := range s.Points {
			band, z, against := "-", "-", p.State
			if p.State == zscore.Ready.String() {
				band, z, against = orDash(p.Low)+" to "+orDash(p.High), fmt.Sprintf("%+.1f", p.Z), p.Baseline
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n", p.Time.Format("2006-01-02 15:04:05 MST"), orDash(p.Value), orDash(p.Expected), band, z, against)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if more := x.more + max(0, len(x.Series)-shownSeries); more > 0 {
		fmt.Fprintf(w, "and %d more series, all nearer to what was expected\n\n", more)
	}
	if len(x.Drivers) == 0 {
		return nil
	}
	var words []string
	for _, d := range x.Drivers {
		words = append(words, fmt.Sprintf("%s=%s (%.0f %%)", d.Label, d.Value, 100*d.Share))
	}
	_, err := fmt.Fprintf(w, "the deviation %s comes from %s\n", x.Direction, strings.Join(words, ", "))
	return err
}

// sentence says how the last point was judged.
func (s *seen) sentence() string {
	p := s.Points[len(s.Points)-1]
	at := p.Time.Format("2006-01-02 15:04:05 MST")
	switch p.State {
	case zscore.Learning.String():
		return fmt.Sprintf("at %s the detector was still learning%s", at, s.learnt())
	case zscore.Absent.String():
		return fmt.Sprintf("at %s there was no value", at)
	}
	how := "as usual"
	if math.Abs(p.Z) >= zscore.DefaultRule().Fire {
		how = "unusual"
	}
	return fmt.Sprintf("at %s the value %s was %s against %s, where %s was expected: z %+.1f", at, orDash(p.Value), how, p.Baseline, orDash(p.Expected), p.Z)
}

func (s *seen) learnt() string {
	if s.Rule != "" {
		return "" // the daemon does not count
	}
	return fmt.Sprintf(", after %d points", s.Learnt)
}

func orDash(x *float64) string {
	if x == nil {
		return "-"
	}
	return alert.Number(*x).String()
}
