package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/clewhq/clew/cmd/clew/internal/demo"
	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/propagate"
)

// serviceVerb is the hidden verb by which the demo starts the services of its shop.
const serviceVerb = "demo-service"

func demoCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "demo",
		Short: "Follow real payments through a small shop, with clew and without",
		Long: `demo starts a small shop on this machine: four services, each a process of its
own, and a Redis. It sends payments through them and shows each as one tree,
although a payment hops over a go statement, an errgroup, a worker pool, a
channel, a timer and a continuation that another process resumes. Then it does
the same with clew's propagation switched off, and shows what is lost. One of the
services leaks memory, beside a cache that only fills: heapdiff watches it and
has to name the leak. One of the payments runs a slow script in Redis: redisprobe
has to say who waited for it, and in which trace it was sent.

It needs no root, no network and nothing installed: a redis-server in PATH is
used if there is one. Only redisprobe needs root and a redis-server; without them
the demo says so and leaves it out. All of it listens on loopback only and ends
with the demo.

On a terminal the page stays up until Ctrl-C; with --for the demo ends by itself.
The exit status is 1 when one of its checks does not pass.`,
		Example: `  clew demo                      # 20 seconds, then look at the page
  clew demo --for 1m --rate 20   # slower, longer, and end
  clew demo --json --for 20s     # for a script`,
		Args: cli.NoArgs,
	}
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	last := cli.DurationVar(c.Flags(), "for", "", 0, "how long to send payments, at least "+demo.MinFor.String()+", then end (default 20s)")
	rate := c.Flags().Int("rate", demo.DefaultRate, "payments a second")
	keep := c.Flags().String("keep", "", "leave the snapshots of the ledger's heap and the report on them in this `directory`")
	addr := c.Flags().String("addr", demo.DefaultAddr, "host:port of the page; another port is taken if the default one is in use")
	c.RunE = func(c *cobra.Command, _ []string) error {
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		quiet := c.Flags().Changed("quiet")
		o := demo.Options{
			For: *last, Rate: *rate, Addr: *addr, FreePort: !c.Flags().Changed("addr"),
			Command: []string{exe, serviceVerb},
			Story:   &demo.Story{},
		}
		if o.For == 0 {
			o.For = demo.DefaultFor
		}
		if err := checkDemo(o); err != nil {
			return err
		}
		if !quiet {
			o.Story.W, o.Story.Live = s.Err, isTerminal(s.Err)
		}
		stay := *last == 0 && out.Format().Name == cli.Text.Name && isTerminal(s.Err)
		return runDemo(c.Context(), s, out, o, runWishes{stay: stay, keep: *keep})
	}
	return c
}

// checkDemo finds what is wrong with the user's wishes before anything is started.
func checkDemo(o demo.Options) error {
	switch payments := o.For.Seconds() * float64(o.Rate); {
	case o.For < demo.MinFor:
		return cli.Usagef("--for %v is too short to see anything: at least %v", o.For, demo.MinFor)
	case o.Rate < 1 || o.Rate > demo.MaxRate:
		return cli.Usagef("--rate %d: want 1 to %d payments a second", o.Rate, demo.MaxRate)
	case payments > demo.MaxPayments:
		return cli.Usagef("--for %v at --rate %d would be %.0f payments, more than the %d whose spans are kept in memory: lower one of them",
			o.For, o.Rate, payments, demo.MaxPayments)
	}
	if !propagate.Ambient() {
		return &cli.Missing{
			Doing: "follow payments over goroutines", What: "the ambient context of package propagate",
			Mend: "build without the tag propagate_noambient, with a Go version that clew knows",
		}
	}
	return nil
}

// runWishes say what is to be left of the demo.
type runWishes struct {
	stay bool   // the page, until ctx ends
	keep string // a directory for what was seen of the ledger's heap; empty for none
}

// runDemo runs the demo and writes what it found.
func runDemo(ctx context.Context, s cli.Streams, out *cli.Output, o demo.Options, wish runWishes) (err error) {
	d, err := demo.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	report, err := d.Run(ctx)
	if err != nil {
		return err
	}
	if wish.keep != "" {
		if err := report.KeepHeap(wish.keep); err != nil {
			return err
		}
	}
	err = out.Write(s, func(w io.Writer, f cli.Format) error {
		if f.Name == cli.JSON.Name {
			return cli.WriteJSON(w, demo.SchemaVersion, report)
		}
		return report.Text(w, s.Color)
	})
	if err != nil {
		return err
	}
	if wish.stay && ctx.Err() == nil {
		if err := s.Out.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "\nFind a payment's line in the gateway's request log: %s\n", report.Grep)
		fmt.Fprintf(s.Err, "Look at the payments at %s and at the ledger's heap at %s — Ctrl-C ends the demo.\n", d.URL(), report.Heap)
		<-ctx.Done()
	}
	if failed := report.Failed(); failed != "" {
		return cli.GateMet{Reason: failed}
	}
	return nil
}

// isTerminal reports whether w is a terminal that somebody looks at.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// serviceCommand is the hidden verb behind which a service of the shop runs.
func serviceCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:    serviceVerb + " NAME",
		Short:  "Run a service of the demo's shop",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
	}
	run := c.Flags().String("run", "", "the run it belongs to")
	next := c.Flags().String("next", "", "base `URL` of the service it calls")
	redis := c.Flags().String("redis", "", "host:port of the shop's Redis")
	propagation := c.Flags().String("propagation", "on", "on or off")
	scratch := c.Flags().String("scratch", "", "`directory` to take away if nobody else can")
	requests := c.Flags().String("requests", "", "`directory` of its request log")
	c.RunE = func(c *cobra.Command, args []string) error {
		carry, err := shop.ParsePropagation(*propagation)
		if err != nil {
			return cli.Usagef("--propagation: %w", err)
		}
		cfg := shop.Config{Name: args[0], Run: *run, Next: *next, Redis: *redis, Propagation: carry, Requests: *requests, Scratch: *scratch}
		return shop.Serve(c.Context(), cfg, s.In, s.Out, s.Err)
	}
	return c
}
