package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/cli"
)

// syscallTier is the tier that this verb is about.
const syscallTier = "syscalls"

func syscallsCommand(s cli.Streams, b backend) *cobra.Command {
	c := &cobra.Command{
		Use:   "syscalls",
		Short: "Tell which system calls a process spends its time in",
		Long: `syscalls prints the table that strace -c prints, of any process, with quantiles
and the true maximum; times are taken in the kernel, so they are those of the
calls and not of a tracer. The process is not stopped.

While it runs, every system call of every process on this host takes about 0.2 µs
more; those of the observed process about 0.3 µs.`,
		Example: `  redisprobe syscalls -p 4711 -d 10s
  redisprobe syscalls --port 6379 -d 10s --histogram`,
		Args: cli.NoArgs,
	}
	t := &target{}
	serverFlags(c.Flags(), t)
	limit := cli.Duration(c.Flags(), "observe for this `time` (default: until SIGINT)")
	histogram := c.Flags().Bool("histogram", false, "the histogram of each system call too")
	top := c.Flags().Int("top", 0, "rows of the table, 0 for all")
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := t.config()
		if err != nil {
			return err
		}
		if *top < 0 {
			return cli.Usagef("--top %d: want 0 or more", *top)
		}
		cfg.SyscallsOnly, cfg.Log = true, cli.Logger(c)
		total, err := observe(c.Context(), b, cfg, time.Second, *limit)
		if err != nil {
			return err
		}
		if err := on(total, syscallTier); err != nil {
			return err
		}
		if len(total.Servers) == 0 {
			return errNobody
		}
		return out.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return report.JSON(w, total)
			}
			return syscallTables(w, total, report.Options{Top: cmp.Or(*top, -1)}, *histogram)
		})
	}
	return c
}

// on is an error of status 3 if the tier was asked for and cannot work.
func on(r *report.Report, name string) error {
	i := slices.IndexFunc(r.Tiers, func(t report.Tier) bool { return t.Name == name && t.State == report.TierMissing })
	if i < 0 {
		return nil
	}
	t := r.Tiers[i]
	return &cli.Missing{Doing: "observe system calls", What: t.Missing, Mend: t.Mend}
}

func syscallTables(w io.Writer, r *report.Report, o report.Options, histogram bool) error {
	for i := range r.Servers {
		s := &r.Servers[i]
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %.1f s\n", s.Title(), r.DurationSeconds)
		err := report.Syscalls(w, s.Syscalls, o)
		if histogram {
			err = errors.Join(err, report.SyscallHistograms(w, s.Syscalls, o))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
