package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/propagate/timeline"
)

// timelineSchema is the schema_version of `clew timeline --json`.
const timelineSchema = 1

func timelineCommand(s cli.Streams) *cobra.Command {
	var slower time.Duration
	var id string
	c := &cobra.Command{
		Use:   "timeline TRACE",
		Short: "Show where the time of each span went, from a Go execution trace",
		Long: `Reads an execution trace of Go (runtime/trace, a flight recorder,
/debug/pprof/trace) of a program that uses package trace, and splits the time of
each span: running, runnable (no processor was free), in system calls, waiting by
reason. Below a span stands what other goroutines did for it. Work that the trace
does not prove to be some span's is listed as unknown. TRACE - is standard input.`,
		Example: `  curl -so trace.out 'http://localhost:6060/debug/pprof/trace?seconds=5'
  clew timeline trace.out
  clew timeline --slower 200ms trace.out
  clew timeline --span 00f067aa0ba902b7 --json trace.out`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Usagef("name one execution trace, or - for standard input")
			}
			return nil
		},
	}
	fs := c.Flags()
	fs.DurationVar(&slower, "slower", 0, "only spans that took at least this `time`")
	fs.StringVar(&id, "span", "", "only the span whose id begins with this `text`")
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	c.RunE = func(_ *cobra.Command, args []string) error {
		report, err := readTrace(s.In, args[0])
		if report == nil || err != nil && len(report.Spans) == 0 {
			return err
		}
		report.Spans = slices.DeleteFunc(report.Spans, func(sp timeline.Span) bool {
			return sp.End-sp.Start < slower || !strings.HasPrefix(sp.SpanID, strings.ToLower(id))
		})
		for _, w := range report.Warnings {
			fmt.Fprintln(s.Err, "warning:", w)
		}
		if len(report.Spans) == 0 {
			fmt.Fprintln(s.Err, "no such span in the trace; its program must use clew's package trace, or mark its spans itself")
		}
		return errors.Join(out.Write(s, func(w io.Writer, f cli.Format) error {
			if f.Name == cli.JSON.Name {
				return cli.WriteJSON(w, timelineSchema, report.Document())
			}
			return report.WriteText(w)
		}), err)
	}
	return c
}

// readTrace reads the trace at path. What was read of a damaged one comes with
// the error.
func readTrace(stdin io.Reader, path string) (*timeline.Report, error) {
	if path == "-" {
		return timeline.Read(stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	report, err := timeline.Read(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return report, errors.Join(err, f.Close())
}
