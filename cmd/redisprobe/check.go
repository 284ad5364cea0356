package main

import (
	"cmp"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/cli"
)

// lean is the tier without which nothing works.
const lean = "lean"

func checkCommand(s cli.Streams, b backend) *cobra.Command {
	c := &cobra.Command{
		Use:   "check",
		Short: "Try every tier of measuring here, and say what is missing",
		Long: `check loads and attaches the programs of each tier for real, takes them off
again, and prints a line for each: what it measures and whom that slows, or what
is missing and how to get it. The exit status is 3 if the lean tier, on which all
others stand, does not work here.`,
		Example: `  redisprobe check
  setcap cap_bpf,cap_perfmon+ep redisprobe && redisprobe check`,
		Args: cli.NoArgs,
	}
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, _ []string) error {
		tiers, err := b.Check(c.Context())
		if err != nil {
			return err
		}
		err = out.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return cli.WriteJSON(w, report.SchemaVersion, map[string]any{"tiers": tiers})
			}
			return report.Check(w, tiers, report.Options{})
		})
		if err != nil {
			return err
		}
		return usable(tiers)
	}
	return c
}

// usable is an error of status 3 if the lean tier does not work.
func usable(tiers []report.Tier) error {
	i := slices.IndexFunc(tiers, func(t report.Tier) bool { return t.Name == lean })
	if i >= 0 && tiers[i].State != report.TierMissing {
		return nil
	}
	var t report.Tier
	if i >= 0 {
		t = tiers[i]
	}
	return &cli.Missing{
		Doing: "observe a server", What: cmp.Or(t.Missing, "the lean tier"),
		Mend: cmp.Or(t.Mend, "see the line of the lean tier"),
	}
}
