package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	rtrace "runtime/trace"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/propagate/timeline"
	"github.com/clewhq/clew/propagate/timeline/mark"
)

// traced is an execution trace with one span in it.
func traced(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := rtrace.Start(&buf); err != nil {
		t.Skip("somebody traces this test: ", err)
	}
	id := [8]byte{0xab, 7: 1}
	mark.Mark{Kind: mark.Begin, Trace: [16]byte{1}, Span: id, Name: "checkout"}.Write()
	mark.Mark{Kind: mark.End, Span: id}.Write()
	rtrace.Stop()
	return buf.Bytes()
}

func timelineOf(t *testing.T, in []byte, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	s := cli.Streams{In: bytes.NewReader(in), Out: bufio.NewWriter(&out), Err: &errs}
	err = run(t.Context(), s, append([]string{"timeline"}, args...))
	if ferr := s.Out.Flush(); ferr != nil {
		t.Fatal(ferr)
	}
	return out.String(), errs.String(), err
}

func TestTimeline(t *testing.T) {
	data := traced(t)
	path := filepath.Join(t.TempDir(), "trace.out")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{path}, {"-"}, {"--span", "AB", path}} {
		if out, _, err := timelineOf(t, data, args...); err != nil || !strings.Contains(out, "\ncheckout ") {
			t.Errorf("clew timeline %q: %v, and the table lacks the span:\n%s", args, err, out)
		}
	}
	for _, args := range [][]string{{"--slower", "1h", path}, {"--span", "ffff", path}} {
		if out, errs, err := timelineOf(t, nil, args...); err != nil || strings.Contains(out, "checkout") || !strings.Contains(errs, "no such span") {
			t.Errorf("clew timeline %q: %v, %q\n%s", args, err, errs, out)
		}
	}

	out, _, err := timelineOf(t, nil, "--json", path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Version int `json:"schema_version"`
		timeline.Document
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Spans) != 1 || doc.Version != timelineSchema {
		t.Fatalf("version %d with %d spans, want %d with 1:\n%s", doc.Version, len(doc.Spans), timelineSchema, out)
	}
	sp := doc.Spans[0]
	if sp.SpanID != "ab00000000000001" || !sp.Complete || sp.Own.RunningNS != sp.EndNS-sp.StartNS {
		t.Errorf("the span is %+v, want it complete and running all the time", sp)
	}
}

func TestTimelineDamaged(t *testing.T) {
	data := traced(t)
	out, _, err := timelineOf(t, data[:len(data)/2], "-")
	if err == nil || !strings.Contains(err.Error(), "read execution trace: ") {
		t.Errorf("half a trace: error %v, want one of reading, after\n%s", err, out)
	}
	if _, _, err := timelineOf(t, []byte("#!/bin/sh\n"), "-"); err == nil {
		t.Error("a shell script was read as a trace")
	}
	if _, _, err := timelineOf(t, nil, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
	if _, _, err := timelineOf(t, nil); err == nil || !strings.Contains(err.Error(), "name one execution trace") {
		t.Errorf("without a file: %v", err)
	}
}
