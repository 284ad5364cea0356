package demo

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTail(t *testing.T) {
	var last tail
	if got := last.lines(3); got != nil {
		t.Errorf("lines of nothing: %q", got)
	}
	fmt.Fprint(&last, "one\ntwo\nthree\n")
	if diff := cmp.Diff([]string{"two", "three"}, last.lines(2)); diff != "" {
		t.Errorf("last two lines (-want +got):\n%s", diff)
	}
	for range 100 {
		fmt.Fprintln(&last, strings.Repeat("x", 1000))
	}
	fmt.Fprint(&last, "the end")
	if got := last.lines(1); len(got) != 1 || got[0] != "the end" {
		t.Errorf("last line %q", got)
	}
	if n := len(last.buf); n > tailBytes {
		t.Errorf("keeps %d bytes, want at most %d", n, tailBytes)
	}
}
