package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/daemon"
	"github.com/clewhq/clew/zscore/notify"
)

// dial finds the daemon of a configuration.
func dial(file string) (*daemon.Client, error) {
	c, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	return daemon.Dial(c.State.Dir)
}

// oneArg is the Args of a verb about one thing.
func oneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return cli.Usagef("want one argument, %s", what)
		}
		return nil
	}
}

func silenceCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "silence",
		Short: "Keep matching alerts quiet for a time",
		Long: `Silences are kept by the running daemon, which is found through the state of the
configuration. An alert that was told before it was silenced still has its end
told; one that goes on when the silence is over is told then.`,
	}
	c.AddCommand(silenceAdd(s), silenceList(s), silenceRemove(s))
	return c
}

func silenceAdd(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "add MATCHERS",
		Short:   "Begin a silence, and print its id",
		Example: `  spikewatch silence add 'rule="gateway-rps",instance=~"gw-.*"' --for 2h --comment "load test"`,
		Args:    oneArg(`such as 'rule="gateway-rps"'`),
	}
	file := configFlag(c)
	last := cli.DurationVar(c.Flags(), "for", "", 2*time.Hour, "how long")
	comment := c.Flags().String("comment", "", "why")
	c.RunE = func(c *cobra.Command, args []string) error {
		match, err := alert.ParseMatchers(args[0])
		if err != nil {
			return cli.Usagef("%w", err)
		}
		d, err := dial(*file)
		if err != nil {
			return err
		}
		now := time.Now()
		by := ""
		if u, err := user.Current(); err == nil {
			by = u.Username
		}
		id, err := d.Silence(c.Context(), alert.Silence{Match: match, From: now, To: now.Add(*last), By: by, Comment: *comment})
		if err != nil {
			return err
		}
		fmt.Fprintln(s.Out, id)
		return nil
	}
	return c
}

func silenceList(s cli.Streams) *cobra.Command {
	c := &cobra.Command{Use: "ls", Short: "List the silences in force", Args: cli.NoArgs}
	file := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := dial(*file)
		if err != nil {
			return err
		}
		all, err := d.Silences(c.Context())
		if err != nil {
			return err
		}
		t := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tMATCHERS\tUNTIL\tBY\tCOMMENT")
		for _, one := range all {
			if one.To.After(time.Now()) {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", one.ID, one.Match, one.To.Format(time.DateTime), one.By, one.Comment)
			}
		}
		return t.Flush()
	}
	return c
}

func silenceRemove(cli.Streams) *cobra.Command {
	c := &cobra.Command{Use: "rm ID", Short: "End a silence", Args: oneArg("the id of a silence")}
	file := configFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		d, err := dial(*file)
		if err != nil {
			return err
		}
		return d.Unsilence(c.Context(), args[0])
	}
	return c
}

func absorbCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "absorb INCIDENT",
		Short: "Say that what an alert shows is the new normal",
		Long: `Ends the incident, whose id is in every message about it, and has the detector
take the present level for normal. The series alerts again once it has been
calm, and then left its baseline anew.`,
		Args: oneArg("the id of an incident"),
	}
	file := configFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		d, err := dial(*file)
		if err != nil {
			return err
		}
		i, err := d.Absorb(c.Context(), args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "absorbed: %s %s\n", i.Rule, i.Series)
		return nil
	}
	return c
}

func outboxCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{Use: "outbox", Short: "See and move the messages that wait for their receivers"}
	c.AddCommand(outboxList(s), outboxRetry(s), outboxDrop(s))
	return c
}

func outboxList(s cli.Streams) *cobra.Command {
	c := &cobra.Command{Use: "ls", Short: "List the messages that wait", Args: cli.NoArgs}
	file := configFlag(c)
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := dial(*file)
		if err != nil {
			return err
		}
		entries, holds, err := d.Outbox(c.Context())
		if err != nil {
			return err
		}
		return out.Write(s, outboxWriter(entries, holds))
	}
	return c
}

func outboxRetry(s cli.Streams) *cobra.Command {
	c := &cobra.Command{Use: "retry", Short: "Send the messages that wait now", Args: cli.NoArgs}
	file := configFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := dial(*file)
		if err != nil {
			return err
		}
		n, err := d.Retry(c.Context())
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "%d messages are tried again\n", n)
		return nil
	}
	return c
}

func outboxDrop(cli.Streams) *cobra.Command {
	c := &cobra.Command{Use: "drop MESSAGE", Short: "Throw a message away unsent", Args: oneArg("the number of a message")}
	file := configFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		seq, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return cli.Usagef("%q is no number of a message", args[0])
		}
		d, err := dial(*file)
		if err != nil {
			return err
		}
		return d.Drop(c.Context(), seq)
	}
	return c
}

func sendTestCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "send-test RECEIVER",
		Short: "Send a message to a receiver, to see that it arrives",
		Long: `Sends one message at once, past the daemon and its outbox, and says what the
receiver answered. The daemon need not run.`,
		Args: oneArg("the name of a receiver"),
	}
	file := configFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		got, err := readConfig(*file)
		if err != nil {
			return err
		}
		for _, r := range got.Receivers {
			if r.Name == args[0] {
				return sendTest(c.Context(), s, got, r)
			}
		}
		return cli.Usagef("%s has no receiver %q", *file, args[0])
	}
	return c
}

func sendTest(ctx context.Context, s cli.Streams, c *config.Config, r config.Receiver) error {
	client := notify.NewClient()
	defer client.CloseIdleConnections()
	to := r.Build(config.Building{
		Client: client, Style: notify.Style{Zone: c.Zone, Page: c.Page}, Out: s.Out, OutLock: new(sync.Mutex), Receipts: noReceipts{},
	})
	now := time.Now()
	text := "This is a test of spikewatch's receiver " + r.Name + ": it works."
	o := to.Send(ctx, alert.Batch{Receiver: r.Name, Entries: []alert.Entry{{Notices: []alert.Notice{{Kind: alert.Note, At: now, Text: text}}}}})
	if o.Result != alert.Delivered {
		return fmt.Errorf("receiver %s: %w", r.Name, errors.New(o.Why))
	}
	fmt.Fprintf(s.Err, "%s took the message\n", r.Name)
	return nil
}

// noReceipts forgets: nobody will come back to a test.
type noReceipts struct{}

func (noReceipts) Receipt(string) string            { return "" }
func (noReceipts) KeepReceipt(string, string) error { return nil }
