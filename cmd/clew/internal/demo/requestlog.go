package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/clewhq/clew/internal/spool"
)

// logged is what the gateway's request log of a run holds.
type logged struct {
	traces  map[string]int // documents by trace id
	missing uint64         // documents that were dropped or got lost
	command string         // clew grep for the example payment
	found   []byte         // what it printed
	err     error          // and how it ended
	want    string         // the example's trace id
}

// readLog reads a request log, and has clew's own grep find the line of the example, if there is one.
func readLog(ctx context.Context, clew, dir string, x example) (l logged, err error) {
	if l.traces, l.missing, err = readDocuments(dir); err != nil {
		return l, err
	}
	if len(x.spans) == 0 {
		return l, nil
	}
	l.want = x.trace.String()
	args := []string{"grep", "--spool", dir, l.want}
	l.command = "clew " + strings.Join(args, " ")
	l.found, l.err = exec.CommandContext(ctx, clew, args...).Output()
	return l, nil
}

// document is what the demo looks at of a document in the log.
type document struct {
	Trace struct {
		ID string `json:"id"`
	} `json:"trace"`
	HTTP struct {
		Route    string `json:"route"`
		Response struct {
			Status int `json:"status_code"`
		} `json:"response"`
	} `json:"http"`
}

func readDocuments(dir string) (traces map[string]int, missing uint64, err error) {
	traces = map[string]int{}
	r := spool.NewReader(dir, spool.Cursor{})
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return traces, r.Cursor().Lost, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var doc document
		if err := json.Unmarshal(rec.Data, &doc); err != nil {
			return nil, 0, fmt.Errorf("read the gateway's request log: %w", err)
		}
		traces[doc.Trace.ID]++
	}
}

// checkRequestLog checks that the gateway has logged the payments sent, each once under the trace it is in,
// and nothing else.
func checkRequestLog(_ context.Context, e *evidence) (Check, bool) {
	c := Check{Name: "the gateway's request log holds every payment once", OK: true}
	var said []string
	for _, o := range e.outcomes() {
		documents, once := 0, 0
		for _, n := range o.logged.traces {
			documents += n
		}
		for _, s := range o.sent {
			if id, ok := o.verdict.Entries[s.ID]; ok && o.logged.traces[id.String()] == 1 {
				once++
			}
		}
		c.OK = c.OK && documents == len(o.sent) && once == len(o.sent) && o.logged.missing == 0
		said = append(said, fmt.Sprintf("%d documents for %d payments %s clew, %d under their trace, %d missing",
			documents, len(o.sent), o.name, once, o.logged.missing))
	}
	line, err := e.with.logged.line()
	if err != nil {
		c.OK = false
		line = err.Error()
	}
	c.Evidence = strings.Join(append(said, line), "; ")
	return c, true
}

// line checks what clew grep has found, and says it.
func (l logged) line() (string, error) {
	if l.command == "" {
		return "", errors.New("there is no whole payment to find")
	}
	if l.err != nil {
		return "", fmt.Errorf("%s: %w", l.command, l.err)
	}
	var doc document
	if err := json.Unmarshal(l.found, &doc); err != nil || bytes.Count(l.found, []byte("\n")) != 1 {
		return "", fmt.Errorf("%s: not the one line of JSON but %q", l.command, l.found)
	}
	if doc.Trace.ID != l.want || doc.HTTP.Route != "/pay" || doc.HTTP.Response.Status != 201 {
		return "", fmt.Errorf("%s: another request: %s", l.command, l.found)
	}
	return fmt.Sprintf("clew grep finds POST /pay 201 of trace %s", l.want), nil
}
