// Command spikewatch finds the points of time series that do not belong.
//
// Run spikewatch --help for its verbs; docs/cli/spikewatch.md has the same pages.
package main

import "github.com/clewhq/clew/internal/cli"

func main() { cli.Exec(run) }
