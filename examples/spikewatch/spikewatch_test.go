// Package spikewatch holds the examples beside spikewatch to what they say.
package spikewatch

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/clewhq/clew/internal/peertest"
)

// TestRules has Prometheus' own tool check the rules and run their test.
func TestRules(t *testing.T) {
	promtool := peertest.Need(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "rules.yml"}, {"test", "rules", "rules_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestDashboard holds that every panel asks for what there is: metrics of the
// daemon, of its process or of the rules.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 8 {
		t.Fatalf("%d panels", len(d.Panels))
	}
	var known strings.Builder
	for _, file := range []string{"../../zscore/daemon/metrics.go", "rules.yml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		known.Write(b)
	}
	own := regexp.MustCompile(`spikewatch_(\w+)|watched:\w+`)
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: a second of this id, or without title or query", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, one := range p.Targets {
			expr := strings.ReplaceAll(one.Expr, "$job", ".+")
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
				t.Errorf("panel %q: %v", p.Title, err)
			}
			for _, m := range own.FindAllStringSubmatch(expr, -1) {
				name := m[0]
				if m[1] != "" {
					name = `"` + m[1] + `"`
				}
				if !strings.Contains(known.String(), name) {
					t.Errorf("panel %q asks for %s, which nobody has", p.Title, m[0])
				}
			}
		}
	}
}
