package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/essink"
)

// setupSchema is the schema_version of `clew es setup --json`.
const setupSchema = 1

// setupReport is what was, or would be, put on a server.
type setupReport struct {
	Server string        `json:"server"`
	Index  string        `json:"index"`
	DryRun bool          `json:"dry_run"`
	Steps  []essink.Step `json:"put"`
}

func esSetupCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "setup",
		Short: "Put the template of the request log's data stream on a server",
		Long: `Makes a server ready for clew ship: an index template for a data stream, and how
long its documents are kept. That is the stream's own lifecycle on Elasticsearch
from 8.14, an ILM policy before, and an ISM policy on OpenSearch. The server's
version is asked for. Done again, it changes what differs.`,
		Example: `  clew es setup --url http://127.0.0.1:9200
  clew es setup --url https://es:9200 --api-key-file key --retention 90d
  clew es setup --url http://127.0.0.1:9200 --dry-run --json | jq .put`,
		Args: cli.NoArgs,
	}
	fs := c.Flags()
	f := addElasticFlags(fs)
	keep := retention(30 * 24 * time.Hour)
	fs.Var(&keep, "retention", "delete documents after this time, such as 30d or 36h, or keep them forever")
	dry := fs.Bool("dry-run", false, "only say what would be put; asks the server for its version")
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.resolve(); err != nil {
			return err
		}
		sink, err := essink.New(f.config)
		if err != nil {
			return err
		}
		flavor, err := sink.Ping(c.Context())
		if err != nil {
			return fmt.Errorf("ask the server for its version: %w", err)
		}
		stream := essink.Stream{Name: f.index, OTel: f.otel(), Retention: time.Duration(keep)}
		r := setupReport{Server: flavor.String(), Index: f.index, DryRun: *dry}
		if r.Steps, err = essink.Plan(flavor, stream); err != nil {
			return err
		}
		var unable error
		if !*dry {
			r.Steps, unable = applySteps(c.Context(), sink, r.Steps)
			var gone *cli.Missing
			if errors.As(unable, &gone) && !c.Flags().Changed("retention") {
				fmt.Fprintln(s.Err, "warning:", unable)
				unable = nil
			}
		}
		return errors.Join(out.Write(s, func(w io.Writer, format cli.Format) error {
			if format.Name == cli.JSON.Name {
				return cli.WriteJSON(w, setupSchema, r)
			}
			return r.text(w)
		}), unable)
	}
	return c
}

// applySteps puts the steps on the server and returns those that are there. What
// it has no module for does not keep the others from being put.
func applySteps(ctx context.Context, sink essink.Bulk, steps []essink.Step) (done []essink.Step, err error) {
	for _, step := range steps {
		switch applyErr := step.Apply(ctx, sink); {
		case errors.Is(applyErr, essink.ErrNoPolicies):
			err = &cli.Missing{
				Doing: "have old documents deleted", What: "a module that this server does not have", Err: applyErr,
				Mend: "install its plugin, or say --retention forever and delete old backing indices yourself",
			}
		case applyErr != nil:
			return done, applyErr
		default:
			done = append(done, step)
		}
	}
	return done, err
}

func (r setupReport) text(w io.Writer) error {
	did := "put"
	if r.DryRun {
		did = "would put"
	}
	fmt.Fprintf(w, "%s, data stream %s\n", r.Server, r.Index)
	for _, s := range r.Steps {
		fmt.Fprintf(w, "%s %s\n", did, s.Path)
		if r.DryRun {
			fmt.Fprintf(w, "  %s\n", s.Body)
		}
	}
	return nil
}
