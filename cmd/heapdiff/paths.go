package main

import (
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

func pathsCommand(s cli.Streams) *cobra.Command {
	j := &job{}
	var class, object string
	c := &cobra.Command{
		Use:   "paths [flags] SNAPSHOT",
		Short: "Tell by which references objects are held",
		Long: `paths finds the shortest ways of strong references from a static field, a thread
or another root to the largest objects of a class, or to one object.`,
		Example: `  heapdiff paths --class com.example.Session dump.hprof
  heapdiff paths --object 0x7f0012ab8 dump.hprof`,
		Args: one,
	}
	j.flags(c, 10, cli.Text, cli.JSON)
	c.Flags().StringVar(&class, "class", "", "objects of the class of this `name`")
	c.Flags().StringVar(&object, "object", "", "the object with this `id`, in hexadecimal with 0x")
	c.MarkFlagsMutuallyExclusive("class", "object")
	c.MarkFlagsOneRequired("class", "object")
	c.RunE = func(c *cobra.Command, args []string) error {
		j.in.PathsTo = class + object
		j.in.MaxPaths = j.shown.Top
		return j.run(c.Context(), s, args, c.Flags().Changed("top"))
	}
	return c
}
