package propagate

import (
	"io"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// burnt counts the samples a CPU profile has in the function burn.
func burnt(t *testing.T, r io.Reader) attribution {
	t.Helper()
	p, err := profile.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	got := attribution{byTrace: map[string]int{}}
	for _, s := range p.Sample {
		in := false
		for _, l := range s.Location {
			for _, line := range l.Line {
				in = in || strings.HasSuffix(line.Function.Name, "propagate.burn")
			}
		}
		if !in {
			continue
		}
		n := int(s.Value[0])
		got.total += n
		for _, id := range s.Label["trace_id"] {
			got.byTrace[id] += n
		}
		if len(s.Label["user"]) > 0 {
			got.user += n
		}
	}
	return got
}
