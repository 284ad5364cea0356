package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore/config"
)

const defaultConfig = "spikewatch.yaml"

//go:embed example.yaml
var exampleConfig string

// configFlag adds the flag that names the configuration.
func configFlag(c *cobra.Command) *string {
	return c.Flags().StringP("config", "c", defaultConfig, "configuration `file`")
}

// readConfig reads a configuration, or says how to come by one.
func readConfig(file string) (*config.Config, error) {
	c, err := config.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var faults *config.Error
		if !errors.As(err, &faults) { // of a file that the configuration names
			return nil, fmt.Errorf("%w; spikewatch example > %s writes one to begin with, -c names another", err, file)
		}
	}
	return c, err
}

func exampleCommand(s cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "example",
		Short: "Print a configuration to begin with",
		Long: `Prints a configuration with comments that reads the metrics page of a Prometheus on
this machine and tells the terminal. It is whole: check-config finds nothing.`,
		Example: `  spikewatch example > spikewatch.yaml`,
		Args:    cli.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := s.Out.WriteString(exampleConfig)
			return err
		},
	}
}

func checkConfigCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "check-config",
		Short: "Say what is wrong with a configuration, and where",
		Long: `Reads the configuration as run would, with the files that it names, and lists
every fault with its line. Nothing is connected to, and no secret is read.`,
		Args: cli.NoArgs,
	}
	file := configFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		got, err := readConfig(*file)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "%s: ok: %d inputs, %d rules, %d routes, %d receivers\n",
			*file, len(got.Inputs), len(got.Rules), len(got.Alerts.Routes), len(got.Receivers))
		return nil
	}
	return c
}
