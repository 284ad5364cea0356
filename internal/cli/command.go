package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Root makes c the root command of a program: it adds -q and -v, and the verbs
// version, completion, help and man. A root without a RunE of its own is a
// program of several verbs; alone, it prints its help.
func Root(c *cobra.Command) *cobra.Command {
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SuggestionsMinimumDistance = 2
	logFlags(c)
	c.AddCommand(versionCommand(), manCommand())
	c.SetHelpCommand(helpCommand())
	c.SetUsageTemplate(usage)
	return c
}

// Execute runs the command tree on args. Whatever goes wrong before the chosen
// command's own code begins is a UsageError; every error it returns begins with
// the command's path.
func Execute(ctx context.Context, s Streams, root *cobra.Command, args []string) error {
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would read os.Args
	Complete(root)
	var began bool
	watch(root, &began)

	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return nil
	}
	if !began {
		err = &UsageError{Err: err}
	}
	return locate(cmd.CommandPath(), err)
}

// Complete adds what cobra would add only while it executes, so that a walk over
// root sees every command that a user can call.
func Complete(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	group(root)
}

// group teaches each command that only holds others to say which verb it does
// not know; cobra would print a page of help and call it success.
func group(c *cobra.Command) {
	if !c.Runnable() {
		c.Use = c.Name() + " COMMAND"
		c.Args = knownVerb
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range c.Commands() {
		group(sub)
	}
}

func knownVerb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	msg := fmt.Sprintf("unknown command %q", args[0])
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		msg += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return Usagef("%s", msg)
}

// NoArgs is the Args of a command that takes flags only.
func NoArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("takes no arguments, got %q", args[0])
	}
	return nil
}

// watch sets *began when the code of any command below c is entered.
func watch(c *cobra.Command, began *bool) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			*began = true
			return run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		watch(sub, began)
	}
}

// located is an error together with the command that met it.
type located struct {
	command string
	err     error
}

func (e *located) Error() string { return e.command + ": " + e.err.Error() }
func (e *located) Unwrap() error { return e.err }

func locate(command string, err error) error {
	var usage *UsageError
	if errors.As(err, &usage) && usage.Command == "" {
		usage.Command = command
	}
	return &located{command, err}
}
