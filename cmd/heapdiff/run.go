package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

func run(ctx context.Context, s cli.Streams, args []string) error {
	return cli.Execute(ctx, s, command(s), args)
}

// command builds the tree of verbs. Each verb has a file of its own, named for it.
func command(s cli.Streams) *cobra.Command {
	root := cli.Root(&cobra.Command{
		Use:   "heapdiff [flags] SNAPSHOT...",
		Short: "Tell what grew in a heap, who holds it, and whether it is a leak",
		Long: `heapdiff compares snapshots of a heap, oldest first, and names what grew, the
object that holds the growth and the path to it. With a generation map it splits
every class into old and young, live and garbage. One snapshot alone shows what
is large.

A snapshot is a file, - for standard input, or a URL; plain, gzip or zstd. The
format is recognised by content:

  hprof          heap dumps of HotSpot, GraalVM and Android
  histogram      the text of jmap -histo and jcmd GC.class_histogram
  heap profile   of Go (pprof or text, godeltaprof), jemalloc and tcmalloc
  .hds           summaries that heapdiff itself has written
  pid:N          a running JVM or Go process, of which a snapshot is taken

The exit status is 1 when a gate set with --fail-on is met.`,
		Example: `  heapdiff monday.hprof tuesday.hprof wednesday.hprof
  heapdiff --fail-on 'old.live.growth>64MiB' --fail-on leak before.hds after.hds
  heapdiff show --map vm_info.txt --retained --top 20 dump.hprof.gz
  heapdiff paths --class com.example.Session dump.hprof`,
		Args: cobra.ArbitraryArgs,
	})
	compare := diffCommand(s)
	root.Flags().AddFlagSet(compare.Flags())
	root.PreRunE = compare.PreRunE
	root.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return compare.RunE(c, args)
	}
	root.AddCommand(compare, showCommand(s), topCommand(s), pathsCommand(s), snapCommand(s))
	return root
}
