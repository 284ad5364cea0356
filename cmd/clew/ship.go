package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/essink"
	"github.com/clewhq/clew/internal/ship"
)

const (
	// shipSchema is the schema_version of `clew ship --json`.
	shipSchema = 1
	// pingEvery is how often a server that is away is looked for at the start.
	pingEvery = 2 * time.Second
	// tellEvery is how often a line says what has been shipped.
	tellEvery = time.Minute
)

type shipOptions struct {
	*elasticFlags
	config ship.Config
	once   bool
	grace  time.Duration
	talk   io.Writer
}

func shipCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "ship",
		Short: "Bring a request log to Elasticsearch or OpenSearch",
		Long: `Takes the documents that package requestlog has left in a spool to a server, and
waits for more. Each is delivered at least once, and within one backing index of
the data stream exactly once: sent again after an answer that did not arrive, it
has the same id. While the server is away or busy, documents stay in the spool.
What it refuses for good goes to dead-letters.jsonl in the spool, with the reason.

It can be stopped and killed at any time and goes on where it was. At SIGINT and
SIGTERM it takes --grace to deliver what is there; the exit status is 2 if
documents remain, or one has been refused.`,
		Example: `  clew ship --spool /var/lib/gateway/requests --url http://127.0.0.1:9200
  clew ship --spool requests --url https://es:9200 --user shipper --password-file pw --ca-file ca.pem
  clew ship --spool requests --url http://127.0.0.1:9200 --once --json`,
		Args: cli.NoArgs,
	}
	fs := c.Flags()
	o := shipOptions{elasticFlags: addElasticFlags(fs)}
	fs.StringVar(&o.config.Spool, "spool", "", "`directory` of the request log")
	fs.BoolVar(&o.once, "once", false, "end when all that is in the spool now has been delivered")
	fs.IntVar(&o.config.BatchDocs, "batch-docs", ship.DefaultBatchDocs, "up to `n` documents in a request")
	fs.IntVar(&o.config.BatchBytes, "batch-bytes", ship.DefaultBatchBytes, "up to about `n` bytes in a request")
	fs.IntVar(&o.config.InFlight, "in-flight", ship.DefaultInFlight, "up to `n` requests at a time")
	fs.DurationVar(&o.config.Keep, "keep", ship.DefaultKeep, "keep shipped documents in the spool for this `time`, for clew grep")
	fs.DurationVar(&o.grace, "grace", 10*time.Second, "at the end, deliver for up to this `time`")
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, _ []string) error {
		o.talk = s.Err
		if c.Flags().Changed("quiet") {
			o.talk = io.Discard
		}
		stats, err := o.run(c.Context())
		if stats == nil {
			return err
		}
		if err == nil && stats.Dead > 0 {
			err = fmt.Errorf("%d documents were refused: see %s in the spool", stats.Dead, ship.DeadLetters)
		}
		return errors.Join(out.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return cli.WriteJSON(w, shipSchema, stats)
			}
			_, err := fmt.Fprintln(w, shipped(*stats))
			return err
		}), err)
	}
	return c
}

// check finds what is wrong with the user's wishes.
func (o *shipOptions) check() error {
	if o.config.Spool == "" {
		return cli.Usagef("name the request log's directory with --spool")
	}
	if o.config.BatchDocs < 1 || o.config.BatchBytes < 1 || o.config.InFlight < 1 {
		return cli.Usagef("--batch-docs, --batch-bytes and --in-flight take a number above 0")
	}
	if o.config.Keep < 0 || o.grace < 0 {
		return cli.Usagef("--keep and --grace take a time, not less than 0")
	}
	if o.config.Keep == 0 {
		o.config.Keep = -1
	}
	return o.resolve()
}

// run ships until ctx ends or, once, until the spool is empty. The stats are nil if
// it has not begun.
func (o *shipOptions) run(ctx context.Context) (_ *ship.Stats, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	sink, err := essink.New(o.elasticFlags.config)
	if err != nil {
		return nil, err
	}
	o.config.Sink, o.config.Index, o.config.Report = sink, o.index, o.tell
	s, err := ship.Open(o.config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	flavor, err := o.greet(ctx, sink)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(o.talk, "shipping %s to %s, %s\n", o.config.Spool, flavor, o.index)
	if o.once {
		err = s.Flush(ctx)
	} else {
		err = o.serve(ctx, s)
	}
	stats := s.Stats()
	return &stats, err
}

// serve ships until ctx ends, and then for the time of grace what is still there.
func (o *shipOptions) serve(ctx context.Context, s *ship.Shipper) error {
	over := make(chan struct{})
	var teller sync.WaitGroup
	teller.Go(func() { o.tellOn(over, s) })
	defer teller.Wait()
	defer close(over)
	if err := s.Run(ctx); err != nil {
		return err
	}
	last, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), o.grace, errors.New("the time of --grace is over"))
	defer cancel()
	return s.Flush(last)
}

// greet waits until the server says what it is. Once, it has to be there.
func (o *shipOptions) greet(ctx context.Context, sink essink.Bulk) (essink.Flavor, error) {
	said := ""
	for {
		flavor, err := sink.Ping(ctx)
		if err == nil || o.once || ctx.Err() != nil {
			return flavor, err
		}
		if err.Error() != said {
			said = err.Error()
			o.tell(err)
		}
		select {
		case <-time.After(pingEvery):
		case <-ctx.Done():
			return flavor, err
		}
	}
}

// tell says what has changed between us and the server.
func (o *shipOptions) tell(err error) {
	if err == nil {
		fmt.Fprintln(o.talk, "the server takes documents again")
		return
	}
	fmt.Fprintf(o.talk, "waiting: %v\n", err)
}

// tellOn says from time to time what has been shipped, if anything.
func (o *shipOptions) tellOn(over <-chan struct{}, s *ship.Shipper) {
	ticks := time.NewTicker(tellEvery)
	defer ticks.Stop()
	var last ship.Stats
	for {
		select {
		case <-ticks.C:
			if now := s.Stats(); now != last {
				fmt.Fprintln(o.talk, shipped(now))
				last = now
			}
		case <-over:
			return
		}
	}
}

// shipped says the figures in a line.
func shipped(s ship.Stats) string {
	line := fmt.Sprintf("%d documents stored", s.Stored)
	if s.Again > 0 {
		line += fmt.Sprintf(" (%d of them were there already)", s.Again)
	}
	if s.Retries > 0 {
		line += fmt.Sprintf(", %d requests made again", s.Retries)
	}
	return line + fmt.Sprintf(", %d refused, %d missing in the spool", s.Dead, s.Lost)
}
