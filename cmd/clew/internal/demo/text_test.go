package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

// timed sets when a span was, in microseconds.
func timed(s store.Span, start, end int64) store.Span {
	s.Start, s.End = 1_000_000+1000*start, 1_000_000+1000*end
	return s
}

func smallReport() *Report {
	with := []store.Span{
		timed(entryOf("with-1"), 0, 9000),
		timed(spanOf("back", "a", 2, 1), 500, 4000),
		timed(spanOf("back", "a name that is so long that the line would not fit into the terminal", 3, 2), 600, 700),
	}
	without := []store.Span{timed(entryOf("without-1"), 0, 8000), timed(spanOf("back", "b", 3, 2), 10, 20)}
	return &Report{
		Verdict: Verdict{Requests: 10, Complete: 10, Spans: 30, Traces: 10},
		Control: Verdict{Requests: 5, Orphans: 10, Spans: 15, Traces: 12, Torn: []HopCount{{"back", "a", 5}}},
		Checks: []Check{
			{Name: "all is well", OK: true, Evidence: "10 of 10"},
			{Name: "this too", Evidence: strings.Repeat("evidence ", 12)},
			{Name: "this maybe", OK: true, Evidence: "not looked at: no CAP_BPF", Skipped: true},
		},
		with:    example{"with-1", oteltrace.TraceID{1}, with},
		without: example{"without-1", oteltrace.TraceID{2}, without},
	}
}

const smallText = `One payment with clew
with-1: 3 spans, one tree

  start    gap exec ms  service  span
   0.00   0.00   9.00   gateway  in
   0.50   0.50   3.50   back     └ a
   0.60   0.10   0.10   back       └ a name that is so long that the line would…

One payment without clew
without-1: 2 spans are left in its tree

  start    gap exec ms  service  span
   0.00   0.00   8.00   gateway  in
   0.01   0.01   0.01   ?        (has not come)
   0.01   0.00   0.01   back     └ b

The rest lies in traces of its own, which nothing ties to a payment:

       5 × back     a

✔ all is well
    10 of 10
✖ this too
    evidence evidence evidence evidence evidence evidence evidence evidence
    evidence evidence evidence evidence
– this maybe
    not looked at: no CAP_BPF

                          with clew   without clew
payments                         10              5
whole traces                     10              0
traces a payment                1.0            2.4
spans                            30             15
spans lost                        0             10
`

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := smallReport().Text(&b, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(smallText, b.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestTextInColor(t *testing.T) {
	var b bytes.Buffer
	if err := smallReport().Text(&b, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[32m✔\x1b[0m") || !strings.Contains(b.String(), "\x1b[31m✖\x1b[0m") {
		t.Errorf("no colours in %q", b.String())
	}
}

func TestTextInterrupted(t *testing.T) {
	r := smallReport()
	r.Control, r.without, r.Interrupted = Verdict{}, example{}, true
	var b bytes.Buffer
	if err := r.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if !strings.Contains(got, "\nInterrupted: ") || strings.Contains(got, "One payment without clew") {
		t.Errorf("text:\n%s", got)
	}
	if !strings.Contains(got, "payments                         10              -\n") {
		t.Errorf("the run that was not made has figures:\n%s", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTextTellsOfABrokenWriter(t *testing.T) {
	if err := smallReport().Text(brokenWriter{}, false); err == nil || err.Error() != "disk full" {
		t.Errorf("error %v", err)
	}
}

func TestFailed(t *testing.T) {
	r := smallReport()
	if got, want := r.Failed(), "1 of 3 checks did not pass: this too"; got != want {
		t.Errorf("failed %q, want %q", got, want)
	}
	r.Checks = r.Checks[:1]
	if got := r.Failed(); got != "" {
		t.Errorf("failed %q although all passed", got)
	}
}
