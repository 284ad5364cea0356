package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/daemon"
)

// gcPercent is how much the heap may grow before it is collected. Nearly all of it
// are baselines, which stay: the default would double the memory of the process
// to spare a hundredth of a core.
const gcPercent = 15

func runCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "Watch series, and tell Slack and others when it matters",
		Long: `Runs until it is stopped: reads the inputs of the configuration, judges every
series by its rule, and delivers alerts and their ends to the receivers.

What must not be forgotten is in state.dir: a message is written there in one
transaction with the alert that it is about, and stays until its receiver has
it. A second daemon on the same state refuses to start.

SIGHUP, or systemctl reload, has the configuration loaded anew; one with faults
is refused, and the one in force stays. The page is at listen, 127.0.0.1:9300
unless it is set, with /healthz, /readyz and /metrics beside it.`,
		Example: `  spikewatch check-config -c spikewatch.yaml
  spikewatch run -c spikewatch.yaml`,
		Args: cli.NoArgs,
	}
	file := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		logger := cli.Logger(c)
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(gcPercent)
		}
		// Here a hang-up is no end: whoever asks for that sends SIGTERM.
		signal.Reset(syscall.SIGHUP)
		hangUp := make(chan os.Signal, 1)
		signal.Notify(hangUp, syscall.SIGHUP)
		defer signal.Stop(hangUp)
		reload := make(chan struct{})
		go func() {
			for {
				select {
				case <-hangUp:
				case <-c.Context().Done():
					return
				}
				select {
				case reload <- struct{}{}:
				case <-c.Context().Done():
					return
				}
			}
		}()
		return daemon.Run(c.Context(), daemon.Options{
			Load: func() (*config.Config, error) { return readConfig(*file) },
			Log:  logger, Out: flusher{s}, Reload: reload,
			Ready: func(addr string) { logger.Info("watching", "page", "http://"+addr+"/") },
		})
	}
	return c
}

// flusher hands each message on at once.
type flusher struct{ s cli.Streams }

func (f flusher) Write(b []byte) (int, error) {
	n, err := f.s.Out.Write(b)
	if err == nil {
		err = f.s.Out.Flush()
	}
	return n, err
}
