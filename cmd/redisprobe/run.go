package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
)

// program is the whole program, observing servers by b.
func program(b backend) cli.Program {
	return func(ctx context.Context, s cli.Streams, args []string) error {
		return cli.Execute(ctx, s, command(s, b), args)
	}
}

// command builds the tree of verbs. Each verb has a file of its own, named for it.
func command(s cli.Streams, b backend) *cobra.Command {
	root := cli.Root(&cobra.Command{
		Use:   "redisprobe",
		Short: "Tell where the time of every Redis command goes, from outside the server",
		Long: `redisprobe measures, for each command of a Redis, Valkey or KeyDB server, how long
requests waited in the socket before the event loop read them, how long the loop
took to serve them, and who held the loop meanwhile: another client's slow
command, an fsync, a fork, or the scheduler. Neither the server nor its clients
are restarted or changed, and nothing is sent to them.

It observes by eBPF: on Linux 6.3 or later, as root or with CAP_BPF and
CAP_PERFMON. 'redisprobe check' tells what works here. A recording can be
replayed anywhere, by anybody.

Arguments of commands are not shown, and not kept, unless asked for.`,
		Example: `  redisprobe check
  redisprobe report -d 10s                 # of every server on this host
  redisprobe report --port 6379 -d 1m -o report.html
  redisprobe top --port 6379`,
	})
	root.AddCommand(checkCommand(s, b), reportCommand(s, b), topCommand(s, b), recordCommand(b), replayCommand(s),
		exportCommand(s, b), syscallsCommand(s, b))
	return root
}
