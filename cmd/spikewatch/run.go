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
		Use:   "spikewatch",
		Short: "Find the points of time series that do not belong",
		Long: `spikewatch judges time series point by point: spikes, drops, shifts of level,
and values at a time of day at which they are unusual.`,
	})
	root.AddCommand(backtestCommand(s), tuneCommand(s), explainCommand(s), nabCommand(s))
	root.AddCommand(runCommand(s), exampleCommand(s), checkConfigCommand(s), silenceCommand(s), absorbCommand(s), outboxCommand(s), sendTestCommand(s))
	return root
}
