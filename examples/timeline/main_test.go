package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRun checks what does not depend on how busy the machine is: every request
// is there, and no hand-off is put down to a span it does not come from.
func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for want, n := range map[string]int{"\nrequest ": 10, " 0 wrong, ": 4, "cut off": 0} {
		if got := strings.Count(out.String(), want); got != n {
			t.Errorf("%q is there %d times, want %d, in\n%s", want, got, n, &out)
		}
	}
}
