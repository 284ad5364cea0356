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
		Use:   "clew",
		Short: "Follow requests through Go programs, wherever their goroutines go",
		Long: `clew follows a request through a Go program: over goroutines, worker pools,
queues, timers and callbacks, and from process to process.`,
	})
	root.AddCommand(demoCommand(s), esCommand(s), goroutinesCommand(s), grepCommand(s), shipCommand(s), timelineCommand(s), viewCommand(s), serviceCommand(s))
	return root
}
