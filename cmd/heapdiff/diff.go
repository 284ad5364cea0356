package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/report"
	"github.com/clewhq/clew/internal/cli"
)

// The formats beside those of every program: summaries, and profiles for pprof.
var (
	summary = cli.Format{Name: "summary", Suffixes: []string{".hds"}}
	pprof   = cli.Format{Name: "pprof", Suffixes: []string{".pb.gz"}}
)

// job is one run of a verb that reads snapshots and reports on them.
type job struct {
	in     *inputs
	shown  *shown
	out    *cli.Output
	failOn []string
	gates  []heapdiff.Gate
}

func (j *job) flags(c *cobra.Command, top int, formats ...cli.Format) {
	j.in = inputFlags(c.Flags())
	j.shown = shownFlags(c.Flags(), top)
	j.out = cli.OutputFlags(c, formats...)
}

func diffCommand(s cli.Streams) *cobra.Command {
	j := &job{}
	c := &cobra.Command{
		Use:   "diff [flags] SNAPSHOT...",
		Short: "Compare snapshots, oldest first; the default verb",
		Long: `diff compares two or more snapshots of one program, oldest first. Classes are
matched by name and loader, holders by the static field, thread or root that they
hang on and the fields on the way, never by address.

From three snapshots on it tells what grows steadily from what grew and stopped.`,
		Args: atLeastOne,
	}
	j.flags(c, 15, cli.Text, cli.JSON, cli.Markdown, cli.HTML, pprof)
	c.Flags().BoolVar(&j.in.Shallow, "shallow", false, "classes only: no references, liveness, holders; memory grows with the classes alone")
	c.Flags().BoolVar(&j.shown.Retained, "retained", false, "the retained size of every class too")
	c.Flags().StringArrayVar(&j.failOn, "fail-on", nil, "exit with 1 if this `gate` is met, such as old.live.growth>64MiB, growth>10%, leak; may be given several times")
	c.RunE = func(c *cobra.Command, args []string) error {
		return j.run(c.Context(), s, args, c.Flags().Changed("top"))
	}
	return c
}

func atLeastOne(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cli.Usagef("wants a snapshot: a file, a URL or -")
	}
	return nil
}

// run reads, compares, reports, and then looks at the gates.
func (j *job) run(ctx context.Context, s cli.Streams, args []string, topGiven bool) error {
	if err := j.check(topGiven); err != nil {
		return err
	}
	snapshots, err := j.read(ctx, s, args)
	if err != nil {
		return err
	}
	if err := j.shown.fits(snapshots); err != nil {
		return err
	}
	d, err := heapdiff.Diff(snapshots...)
	if err != nil {
		return err
	}
	if err := j.out.Write(s, func(w io.Writer, f cli.Format) error { return j.write(w, f, d) }); err != nil {
		return err
	}
	return j.gate(d)
}

func (j *job) check(topGiven bool) error {
	if err := j.in.check(); err != nil {
		return err
	}
	if err := j.shown.check(!topGiven && j.out.Format().Name != cli.Text.Name && j.out.Format().Name != cli.Markdown.Name); err != nil {
		return err
	}
	for _, text := range j.failOn {
		g, err := heapdiff.ParseGate(text)
		if err != nil {
			return cli.Usagef("--fail-on: %w", err)
		}
		j.gates = append(j.gates, g)
	}
	return nil
}

func (j *job) read(ctx context.Context, s cli.Streams, args []string) ([]*heapdiff.Snapshot, error) {
	var out []*heapdiff.Snapshot
	o := j.in.Options
	o.Stdin = s.In
	p := newProgress(s.Err)
	defer p.clear()
	o.Progress = p.update
	for i, arg := range args {
		maps, err := j.in.mapsOf(i, len(args))
		if err != nil {
			return nil, err
		}
		o.Maps = maps
		snapshot, err := heapdiff.Read(ctx, arg, o)
		if err != nil {
			return nil, err
		}
		out = append(out, snapshot)
	}
	return out, nil
}

func (j *job) write(w io.Writer, f cli.Format, d *heapdiff.Delta) error {
	switch f.Name {
	case cli.JSON.Name:
		return report.JSON(w, d, j.shown.Options)
	case cli.Markdown.Name:
		return report.Markdown(w, d, j.shown.Options)
	case cli.HTML.Name:
		return report.HTML(w, d, j.shown.Options)
	case pprof.Name:
		return report.Pprof(w, d, j.shown.Options)
	case summary.Name:
		return heapdiff.WriteSummary(w, d.Snapshots[0])
	default:
		return report.Text(w, d, j.shown.Options)
	}
}

// gate looks at every gate, and tells all that are met.
func (j *job) gate(d *heapdiff.Delta) error {
	var reasons []string
	for _, g := range j.gates {
		met, reason, err := g.Check(d)
		if err != nil {
			return fmt.Errorf("--fail-on: %w", err)
		}
		if met {
			reasons = append(reasons, reason)
		}
	}
	if len(reasons) > 0 {
		return cli.GateMet{Reason: strings.Join(reasons, "; ")}
	}
	return nil
}
