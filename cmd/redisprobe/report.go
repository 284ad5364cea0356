package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/prom"
	"github.com/clewhq/clew/internal/cli"
)

func reportCommand(s cli.Streams, b backend) *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: "Observe for a time and report",
		Long: `report observes servers and then prints, for each: who waited for whom, in words;
how long the requests of each command waited and were served; the slow ones. With
-o report.html it is one page with a heat map over time, which needs no network.
Without -d it observes until SIGINT, and reports then.`,
		Example: `  redisprobe report -d 10s
  redisprobe report -p 4711 -d 10s --format json
  redisprobe report --port 6379 -d 1m --with syscalls,offcpu --by-client
  redisprobe report --port 6379 --with traceids -d 1m -o report.html`,
		Args: cli.NoArgs,
	}
	t := targetFlags(c.Flags())
	limit := cli.Duration(c.Flags(), "observe for this `time` (default: until SIGINT)")
	every := cli.Every(c.Flags(), 0, "`time` of an interval of the heat map (default: a hundredth of -d, from 100ms to 1s)")
	r := renderFlags(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := t.config()
		if err != nil {
			return err
		}
		cfg.Log = cli.Logger(c)
		total, err := observe(c.Context(), b, cfg, cmp.Or(*every, hundredth(*limit)), *limit)
		if err != nil {
			return err
		}
		return r.write(s, total)
	}
	return c
}

// hundredth is the interval in which a heat map of that time has a hundred
// columns, within reason; 0 is a time without end.
func hundredth(limit time.Duration) time.Duration {
	if limit == 0 {
		return time.Second
	}
	return min(max(limit/100, 100*time.Millisecond), time.Second)
}

// observe runs a probe for the time of limit and returns all it has seen.
func observe(ctx context.Context, b backend, cfg ebpfprobe.Config, every, limit time.Duration) (_ *report.Report, err error) {
	p, err := start(ctx, b, cfg, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	var total report.Report
	final, err := watch(ctx, p, every, limit, func(part *report.Report) error {
		total.Append(part)
		return nil
	})
	if err != nil {
		return nil, err
	}
	total.Settle(final)
	return &total, nil
}

// start starts a probe and says how long it takes.
func start(ctx context.Context, b backend, cfg ebpfprobe.Config, limit time.Duration) (probe, error) {
	p, err := b.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	first, err := p.Report()
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	for _, t := range tiers {
		if *t.on(&cfg) && !measuring(first, t.name) {
			cfg.Log.Warn("not measured: redisprobe check tells what is missing", "tier", t.name)
		}
	}
	for i := range first.Servers {
		cfg.Log.Info("observing", "server", first.Servers[i].Title())
	}
	if len(first.Servers) == 0 {
		cfg.Log.Info("no server yet; observing the first that comes")
	}
	if limit == 0 {
		cfg.Log.Info("until SIGINT (Ctrl-C)")
	}
	return p, nil
}

// measuring says whether the tier is on, at least in part.
func measuring(r *report.Report, tier string) bool {
	return slices.ContainsFunc(r.Tiers, func(t report.Tier) bool {
		return t.Name == tier && (t.State == report.TierOn || t.State == report.TierDegraded)
	})
}

// errNobody is the end of an observation that saw no server.
var errNobody = errors.New("no Redis, Valkey or KeyDB server was seen; name a process by --pid, or a server by --port")

// render are the flags that say how a report is written.
type render struct {
	out *cli.Output
	o   report.Options
	top int
}

func renderFlags(c *cobra.Command) *render {
	r := &render{out: cli.OutputFlags(c, cli.Text, cli.JSON, cli.HTML, exposition)}
	c.Flags().IntVar(&r.top, "top", 15, "rows of each table of the text, 0 for all")
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if r.top < 0 {
			return cli.Usagef("--top %d: want 0 or more", r.top)
		}
		r.o.Top = r.top
		if r.top == 0 {
			r.o.Top = -1
		}
		return before(c, args)
	}
	return r
}

// exposition is the text format of Prometheus, as a node exporter's textfile
// collector reads it.
var exposition = cli.Format{Name: "prometheus", Suffixes: []string{".prom"}}

func (r *render) write(s cli.Streams, total *report.Report) error {
	if len(total.Servers) == 0 {
		return errNobody
	}
	return r.out.Write(s, func(w io.Writer, f cli.Format) error {
		switch f.Name {
		case cli.JSON.Name:
			return report.JSON(w, total)
		case cli.HTML.Name:
			return report.HTML(w, total)
		case exposition.Name:
			return prom.Write(w, total)
		}
		return report.Text(w, total, r.o)
	})
}
