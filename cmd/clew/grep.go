package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/spool"
)

func grepCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "grep TRACE_ID",
		Short: "Find a trace's lines in a request log on disk",
		Long: `Prints the documents of a trace from a spool of package requestlog, one a line as
JSON: what has been shipped and is still there, and what has not. TRACE_ID is 32
hexadecimal digits, or the whole value of a traceparent header.

The exit status is 1 when there is none.`,
		Example: `  clew grep --spool /var/lib/gateway/requests 0af7651916cd43dd8448eb211c80319c
  clew grep --spool requests 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 | jq .url.path`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Usagef("name one trace id")
			}
			return nil
		},
	}
	dir := c.Flags().String("spool", "", "`directory` of the request log")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := traceID(args[0])
		if err != nil {
			return err
		}
		if *dir == "" {
			return cli.Usagef("name the request log's directory with --spool")
		}
		found, lost, err := grepSpool(s.Out, *dir, id)
		if err != nil {
			return err
		}
		if lost > 0 {
			fmt.Fprintf(s.Err, "warning: %d documents are missing in %s\n", lost, *dir)
		}
		if found == 0 {
			return cli.GateMet{Reason: "no line of trace " + id + " in " + *dir}
		}
		return nil
	}
	return c
}

// traceID reads a trace id, or the one in a traceparent.
func traceID(s string) (string, error) {
	id := strings.ToLower(strings.TrimSpace(s))
	if parts := strings.Split(id, "-"); len(parts) >= 4 {
		id = parts[1]
	}
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", cli.Usagef("%q is no trace id: want 32 hexadecimal digits, or a traceparent", s)
	}
	return id, nil
}

// grepSpool writes the documents of a trace, and counts them and those missing.
func grepSpool(w io.Writer, dir, id string) (found int, lost uint64, err error) {
	if _, err := os.Stat(dir); err != nil {
		return 0, 0, err
	}
	ecs, otel := []byte(`"trace":{"id":"`+id+`"`), []byte(`"trace_id":"`+id+`"`)
	r := spool.NewReader(dir, spool.Cursor{})
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found, r.Cursor().Lost, nil
		}
		if err != nil {
			return found, 0, err
		}
		if bytes.Contains(rec.Data, ecs) || bytes.Contains(rec.Data, otel) {
			found++
			if _, err := w.Write(append(rec.Data, '\n')); err != nil {
				return found, 0, err
			}
		}
	}
}
