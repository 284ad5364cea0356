package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/propagate/vet"
)

// ours reports whether args ask for something every program of this module
// answers alike. Everything else is the language of go vet's tools: go vet calls
// its -vettool with -V=full, with -flags and with a .cfg file, and hands it the
// single-dash flags of the user, so those cannot follow our own conventions.
func ours(args []string) bool {
	if len(args) == 0 {
		return true
	}
	switch args[0] {
	case "help":
		return len(args) < 2 || !isAnalyzer(args[1]) // "help lostgo" is the driver's
	case "version", "--version", "completion", "man", "-h", "-help", "--help", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
		return true
	}
	return false
}

func isAnalyzer(name string) bool {
	for _, a := range vet.Analyzers() {
		if a.Name == name {
			return true
		}
	}
	return false
}

// run answers what is not analysis: the house's verbs, and misuse.
func run(ctx context.Context, s cli.Streams, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "-help":
			args = []string{"--help"}
		case "--version":
			args[0] = "version"
		}
	}
	return cli.Execute(ctx, s, command(), args)
}

func command() *cobra.Command {
	return cli.Root(&cobra.Command{
		Use:                   "propagatevet [-ANALYZER] [-fix [-diff]] [-json] PACKAGE...",
		DisableFlagsInUseLine: true,
		Short:                 "Find code that loses the context of a request",
		Long:                  long(),
		Example: `  propagatevet ./...                                  report
  propagatevet -fix -diff ./...                       show what would be changed
  propagatevet -fix ./...                             change it
  propagatevet -lostgo -spanleak ./...                these analyzers only
  go vet -vettool=$(which propagatevet) ./...         as part of go vet, cached
  propagatevet help lostgo                            more about one analyzer`,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usagef("name the packages to look at, as in propagatevet ./...")
		},
	})
}

func long() string {
	var b strings.Builder
	b.WriteString(`propagatevet finds Go code that loses the context of a request although it has
one at hand, and spans that are not ended on every path.

Analyzers:
`)
	for _, a := range vet.Analyzers() {
		title, _, _ := strings.Cut(a.Doc, "\n")
		fmt.Fprintf(&b, "  %-11s %s\n", a.Name, title)
	}
	b.WriteString(`
A detachment that is meant is recognised: context.WithoutCancel,
propagate.Detach, propagate.Background, and a comment on the line or above it:

  //propagate:detached reason

It is a tool of go vet and keeps to that protocol: flags have one dash
(-fix, -diff, -json, -c=N, -test=false, one per analyzer), and analysis exits
with 0 nothing found, 3 something found, 1 could not analyse.`)
	return b.String()
}
