package view

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/clewhq/clew/internal/store"
)

// What hangs together by itself, but is known to be only a part, is nowhere called complete.
func TestTorn(t *testing.T) {
	runs := twoRuns(t)()
	runs[0].Torn = func(s *store.Summary) bool { return s.Spans < 2 }
	h := New(func() []Run { return runs }, Options{})
	wantText(t, plain(ask(t, h, "/").Body.String()), "gateway GET /health 1.000 1 1 0 ◌ torn", "gateway POST /pay 140.000 6 2 ✕ 1 ✓ complete")
	if tree := plain(ask(t, h, "/?trace="+traceID(1)).Body.String()); !strings.Contains(tree, "gateway · ◌ torn") {
		t.Errorf("the tree is not said to be torn:\n%s", tree)
	}
	var answer tracesAnswer
	if err := json.Unmarshal(ask(t, h, "/api/v1/traces?q=broken").Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Traces) != 1 || answer.Traces[0].Entry != "GET /health" || answer.Traces[0].Complete {
		t.Errorf("broken are %+v, want the one that is torn", answer.Traces)
	}
}
