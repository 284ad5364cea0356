package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestMain makes the test binary the sink, when it is started as such.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "-sink" {
		if err := serveSink(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	os.Exit(m.Run())
}

// TestTable checks that all is measured, and that no span is lost on the way; not how long it took.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	if err := compare(&out, 1, 200); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"otelhttp: 400 requests sampled, as many spans received",
		"clew: 400 requests sampled, as many spans received",
		"handler: 400 requests sampled, as many spans received",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	for _, row := range []string{"sampled", "not sampled"} {
		for _, name := range []string{"bare", "otelhttp", "clew", "handler"} {
			found := false
			for line := range strings.Lines(out.String()) {
				found = found || strings.HasPrefix(line, row+" ") && strings.Contains(line, " "+name+" ")
			}
			if !found {
				t.Errorf("no row %s, %s in\n%s", row, name, out.String())
			}
		}
	}
	if err := compare(&out, 0, 200); err == nil {
		t.Error("no rounds are accepted")
	}
}
