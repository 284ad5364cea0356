package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/zscore/alert"
)

// outboxReport is the contract of outbox ls in JSON.
type outboxReport struct {
	Messages []alert.Entry         `json:"messages"`
	Holds    map[string]alert.Hold `json:"holds"`
}

func outboxWriter(entries []alert.Entry, holds map[string]alert.Hold) func(io.Writer, cli.Format) error {
	return func(w io.Writer, f cli.Format) error {
		if f.Name == cli.JSON.Name {
			return cli.WriteJSON(w, 1, outboxReport{entries, holds})
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "MESSAGE\tRECEIVER\tNOTICES\tSINCE\tATTEMPTS\tLAST ERROR")
		for _, e := range entries {
			fmt.Fprintf(t, "%d\t%s\t%d\t%s\t%d\t%s\n", e.Seq, e.Receiver, len(e.Notices), e.Created.Format(time.DateTime), e.Attempts, e.LastError)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for name, h := range holds {
			fmt.Fprintf(w, "%s is not sent to until %s: %s\n", name, h.Until.Format(time.TimeOnly), h.Why)
		}
		return nil
	}
}
