package main

import (
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

func showCommand(s cli.Streams) *cobra.Command {
	j := &job{}
	c := &cobra.Command{
		Use:   "show [flags] SNAPSHOT",
		Short: "Show one snapshot: classes, generations, what holds much",
		Long: `show reads one snapshot. With --format summary, or -o NAME.hds, it writes a
summary of some hundred kilobytes that stands for the dump in later comparisons.`,
		Example: `  heapdiff show --map before.txt,after.txt --gen old --dead dump.hprof
  heapdiff show -o monday.hds monday.hprof`,
		Args: one,
	}
	j.flags(c, 15, cli.Text, cli.JSON, cli.Markdown, cli.HTML, pprof, summary)
	c.Flags().BoolVar(&j.in.Shallow, "shallow", false, "classes only: no references, liveness, holders; memory grows with the classes alone")
	c.Flags().BoolVar(&j.shown.Retained, "retained", false, "the retained size of every class too")
	c.Flags().StringArrayVar(&j.failOn, "fail-on", nil, "exit with 1 if this `gate` is met, such as old.dead>64MiB; may be given several times")
	c.RunE = func(c *cobra.Command, args []string) error {
		return j.run(c.Context(), s, args, c.Flags().Changed("top"))
	}
	return c
}

func one(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return cli.Usagef("wants one snapshot, got %d; heapdiff diff compares several", len(args))
	}
	return nil
}
