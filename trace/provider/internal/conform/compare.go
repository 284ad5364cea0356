package conform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// compact takes the space out that protojson has put in.
func compact(b []byte) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		return b
	}
	return out.Bytes()
}

// Compare returns what is different between two runs of a program, or "". What is wrong in both is not
// held against the second: the SDK records a panic after the time at which it lets the span end.
func Compare(want, got Run) string {
	wantSpans, accepted := Normalize(want)
	gotSpans, wrong := Normalize(got)
	wrong = slices.DeleteFunc(wrong, func(w string) bool { return slices.Contains(accepted, w) })
	if len(wrong) == 0 && slices.Equal(wantSpans, gotSpans) {
		return ""
	}
	out := strings.Join(wrong, "\n")
	if len(wantSpans) != len(gotSpans) {
		out += fmt.Sprintf("%d spans, want %d\n", len(gotSpans), len(wantSpans))
	}
	return out + cmp.Diff(wantSpans, gotSpans)
}

// Check runs program on the SDK and on s, and fails t where they differ.
func Check(t testing.TB, s Subject, o Options, program func(oteltrace.TracerProvider)) {
	t.Helper()
	want := Deliver(t, SDK, o, program)
	got := Deliver(t, s, o, program)
	if diff := Compare(want, got); diff != "" {
		t.Errorf("not what the SDK delivers (-SDK +it):\n%s", diff)
	}
}
