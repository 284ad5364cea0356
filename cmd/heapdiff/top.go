package main

import (
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

func topCommand(s cli.Streams) *cobra.Command {
	j := &job{}
	c := &cobra.Command{
		Use:   "top [flags] SNAPSHOT",
		Short: "List the largest classes, in one pass over the snapshot",
		Long: `top reads a dump once, at about the speed of the disk, in memory that grows with
the number of classes only. It splits by generation, but does not know what is
live; show does.`,
		Example: `  heapdiff top --map vm_info.txt --gen old dump.hprof`,
		Args:    one,
	}
	j.flags(c, 30, cli.Text, cli.JSON)
	j.in.Shallow = true
	c.RunE = func(c *cobra.Command, args []string) error {
		return j.run(c.Context(), s, args, c.Flags().Changed("top"))
	}
	return c
}
