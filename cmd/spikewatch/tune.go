package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore"
)

// tune is what the user asked for.
type tune struct {
	backtest
	pages float64
}

func tuneCommand(s cli.Streams) *cobra.Command {
	u := new(tune)
	c := &cobra.Command{
		Use:   "tune --csv FILE | --prometheus URL --query PROMQL",
		Short: "Choose how sensitive a rule is by how often it would have paged",
		Long: `Replays series with rules of several sensitivities and proposes the most sensitive
one that would have paged no more often than --pages a week, for a series. It chooses
on the first half of what comes after --from and shows the other half too: only that
says what to expect, since the choice was made without it.

A fault that lies in the history counts as a page like any other: leave --pages room
for those that you would have wanted.

` + historyHelp,
		Example: `  spikewatch tune --csv rps.csv --kind rate --calendar krx.yaml --from 2026-10-01 --pages 0.5`,
		Args:    cli.NoArgs,
	}
	fs := c.Flags()
	u.flags(fs)
	u.rule = zscore.DefaultRule()
	fs.StringVar(&u.from, "from", "", "points before this `time` only teach")
	fs.Float64Var(&u.pages, "pages", 1, "pages a week and series to stay below")
	output := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !(u.pages >= 0) {
			return fmt.Errorf("--pages %v: want 0 or more", u.pages)
		}
		t, err := u.run(c.Context(), s)
		if err != nil {
			return err
		}
		return output.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return cli.WriteJSON(w, 1, t)
			}
			return t.text(w, u.pages)
		})
	}
	return c
}

// tuning is the command's answer, and its contract in JSON.
type tuning struct {
	Tried  []trial `json:"tried"`  // the most sensitive first
	Chosen *trial  `json:"chosen"` // null when each pages too often
	Series int     `json:"series"`
	Middle string  `json:"halves_meet"` // RFC 3339
}

// trial is one rule with what it would have paged, a week and series, in the half
// that the choice is made on and in the other.
type trial struct {
	Fire        float64 `json:"fire"`
	For         string  `json:"for"`
	FirstHalf   float64 `json:"pages_per_week_first_half"`
	SecondHalf  float64 `json:"pages_per_week_second_half"`
	firstPages  int
	secondPages int
	rule        zscore.Rule
}

// trials are the rules to try, the most sensitive first.
func trials(base zscore.Rule, interval time.Duration) []*trial {
	var all []*trial
	for _, fire := range []float64{3, 3.5, 4, 5, 6, 8} {
		for _, points := range []int{1, 3, 8} {
			r := base
			r.Fire, r.Resolve = fire, fire/2
			r.For = max((time.Duration(points) * interval).Round(time.Second), time.Second)
			all = append(all, &trial{Fire: fire, For: r.For.String(), rule: r})
		}
	}
	return all
}

func (u *tune) run(ctx context.Context, s cli.Streams) (*tuning, error) {
	all, calendar, err := u.load(ctx, s)
	if err != nil {
		return nil, err
	}
	from, err := parseTime("from", u.from, calendar.Zone)
	if err != nil {
		return nil, err
	}
	u.rule.Down = u.kind.Rule().Down
	first, last := all[0].points[0].Time, all[0].points[len(all[0].points)-1].Time
	if from.After(first) {
		first = from
	}
	if !last.After(first) {
		return nil, fmt.Errorf("%s: no point from %s on; the last is of %s", all[0].name(&u.history), u.from, all[0].points[len(all[0].points)-1].TimeText)
	}
	middle := first.Add(last.Sub(first) / 2)
	tries := trials(u.rule, all[0].interval)
	for _, one := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := u.try(one, calendar, tries, first, middle); err != nil {
			return nil, err
		}
	}
	out := &tuning{Series: len(all), Middle: middle.In(calendar.Zone).Format(time.RFC3339)}
	weeks := middle.Sub(first).Hours() / (24 * 7) * float64(len(all))
	for _, t := range tries {
		t.FirstHalf, t.SecondHalf = float64(t.firstPages)/weeks, float64(t.secondPages)/weeks
		out.Tried = append(out.Tried, *t)
		if out.Chosen == nil && t.FirstHalf <= u.pages {
			out.Chosen = t
		}
	}
	return out, nil
}

// try replays one series once and shows every rule what the detector said.
func (u *tune) try(one *series, calendar zscore.Calendar, tries []*trial, first, middle time.Time) error {
	d, err := u.newDetector(calendar, one.interval)
	if err != nil {
		return err
	}
	conditions := make([]*zscore.Condition, len(tries))
	for i, t := range tries {
		t.rule.AbsentAfter = zscore.AbsentAfter(one.interval)
		if conditions[i], err = zscore.NewCondition(t.rule); err != nil {
			return err
		}
	}
	judged := false
	for _, p := range one.points {
		v := d.Observe(p.Time, p.Value)
		judged = judged || v.State == zscore.Ready && !p.Time.Before(first)
		for i, c := range conditions {
			switch fired := c.Observe(p.Time, v) == zscore.Fired; {
			case !fired || p.Time.Before(first):
			case p.Time.Before(middle):
				tries[i].firstPages++
			default:
				tries[i].secondPages++
			}
		}
	}
	if !judged {
		return fmt.Errorf("%s: nothing was judged: the detector %s was still learning at the last point; give it more history", one.name(&u.history), u.detector)
	}
	return nil
}

func (t *tuning) text(w io.Writer, pages float64) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tab, "z\tfor\tpages a week, first half\tsecond half\t\n")
	for _, one := range t.Tried {
		mark := ""
		if t.Chosen != nil && one.Fire == t.Chosen.Fire && one.For == t.Chosen.For {
			mark = "  <- chosen"
		}
		fmt.Fprintf(tab, "%g\t%s\t%.2f\t%.2f\t%s\n", one.Fire, one.For, one.FirstHalf, one.SecondHalf, mark)
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	if t.Chosen == nil {
		least := slices.MinFunc(t.Tried, func(a, b trial) int { return cmp.Compare(a.FirstHalf, b.FirstHalf) })
		_, err := fmt.Fprintf(w, "\nnone pages less than %g times a week; the least is %.2f, with z %g for %s: look at its alerts with backtest, or raise --pages\n",
			pages, least.FirstHalf, least.Fire, least.For)
		return err
	}
	_, err := fmt.Fprintf(w, "\nz: {fire: %g, resolve: %g}\nfor: %s\n", t.Chosen.Fire, t.Chosen.Fire/2, t.Chosen.For)
	return err
}
