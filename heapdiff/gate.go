package heapdiff

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// Gate is a condition on a comparison that its user wants to fail on, such as
// "old.live.growth>64MiB", "growth>10%", "old.live.growth>5%/h" or "leak".
type Gate struct {
	text    string
	metric  string
	limit   float64
	percent bool // the limit is a percentage of the first snapshot's value
	perHour bool
}

// The metrics of a gate, each with what it reads from a snapshot and what the
// snapshot must know for it.
var metrics = map[string]struct {
	value func(d *Delta, i int) int64
	needs func(*Snapshot) string
}{
	"bytes":    {func(d *Delta, i int) int64 { return d.Snapshots[i].Bytes }, nothing},
	"objects":  {func(d *Delta, i int) int64 { return d.Snapshots[i].Objects }, nothing},
	"live":     {func(d *Delta, i int) int64 { return d.Snapshots[i].LiveBytes }, liveness},
	"old":      {func(d *Delta, i int) int64 { o := d.oldBytes(i); return o.Bytes() }, generations},
	"old.live": {func(d *Delta, i int) int64 { return d.oldBytes(i).LiveBytes }, both},
	"old.dead": {func(d *Delta, i int) int64 { return d.oldBytes(i).DeadBytes }, both},
}

func nothing(*Snapshot) string { return "" }

func liveness(s *Snapshot) string {
	if !s.Reached {
		return "the liveness of objects, which --shallow leaves out or the format does not tell"
	}
	return ""
}

func generations(s *Snapshot) string {
	if s.Generations == GenerationsUnknown {
		return "a generation map (--map)"
	}
	return ""
}

func both(s *Snapshot) string {
	if need := generations(s); need != "" {
		return need
	}
	return liveness(s)
}

var gateSyntax = regexp.MustCompile(`^([a-z.]+)\s*>\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%]*)(/h)?$`)

var units = map[string]float64{
	"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// ParseGate reads a gate. "growth" alone is the growth of all live bytes, or of
// all bytes where liveness is not known.
func ParseGate(s string) (Gate, error) {
	g := Gate{text: s}
	if s == "leak" {
		g.metric = s
		return g, nil
	}
	m := gateSyntax.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return g, fmt.Errorf("gate %q: want leak, or METRIC>VALUE such as old.live.growth>64MiB or growth>10%%", s)
	}
	g.metric, g.perHour = m[1], m[4] != ""
	limit, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		return g, fmt.Errorf("gate %q: %w", s, err)
	}
	g.limit = limit
	if m[3] == "%" {
		g.percent = true
	} else {
		unit, ok := units[m[3]]
		if !ok {
			return g, fmt.Errorf("gate %q: unknown unit %q; there are %%, B, kB, MB, GB, KiB, MiB and GiB", s, m[3])
		}
		g.limit *= unit
	}
	base, growth := g.base()
	if _, ok := metrics[base]; !ok && base != "" {
		return g, fmt.Errorf("gate %q: unknown metric %s; there are %s, each with .growth, and growth and leak", s, g.metric, metricNames())
	}
	if (g.percent || g.perHour) && !growth {
		return g, fmt.Errorf("gate %q: %% and /h are for growth", s)
	}
	return g, nil
}

func metricNames() string {
	var names []string
	for n := range metrics {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// base splits the metric into what is measured, "" for the default, and whether
// its growth is meant.
func (g Gate) base() (string, bool) {
	if g.metric == "growth" {
		return "", true
	}
	return strings.CutSuffix(g.metric, ".growth")
}

// String is the gate as it was written.
func (g Gate) String() string { return g.text }

// Check tells whether the gate is met, and by what. The error says what the
// snapshots lack for an answer.
func (g Gate) Check(d *Delta) (met bool, reason string, err error) {
	if g.metric == "leak" {
		return g.leak(d)
	}
	base, growth := g.base()
	if growth && len(d.Snapshots) < 2 {
		return false, "", fmt.Errorf("gate %q: growth needs two snapshots", g.text)
	}
	if base == "" {
		base = "live"
		for _, s := range d.Snapshots {
			if !s.Reached {
				base = "bytes"
			}
		}
	}
	m := metrics[base]
	for _, s := range d.Snapshots {
		if need := m.needs(s); need != "" {
			return false, "", fmt.Errorf("gate %q: %s lacks %s", g.text, s.Source, need)
		}
	}
	last := m.value(d, len(d.Snapshots)-1)
	if !growth {
		return float64(last) > g.limit, fmt.Sprintf("%s: %s is %s", g.text, base, humanize.Bytes(last)), nil
	}
	return g.growth(d, base, m.value(d, 0), last)
}

func (g Gate) leak(d *Delta) (bool, string, error) {
	if len(d.Snapshots) < 2 {
		return false, "", fmt.Errorf("gate %q: a leak shows in two snapshots or more", g.text)
	}
	if (d.Kind == KindGo || d.Kind == KindJemalloc) && len(d.Snapshots) < 3 {
		return false, "", fmt.Errorf("gate %q: two sampled profiles do not tell a leak from a cache that fills; take three or more, better eight", g.text)
	}
	if len(d.Suspects) == 0 {
		return false, "", nil
	}
	return true, "leak: " + d.Suspects[0].Reason, nil
}

func (g Gate) growth(d *Delta, base string, first, last int64) (bool, string, error) {
	grown := float64(last - first)
	reason := fmt.Sprintf("%s: %s grew by %s", g.text, base, humanize.Bytes(last-first))
	if g.percent {
		if first == 0 {
			return last > 0, reason + " from nothing", nil
		}
		grown *= 100 / float64(first)
		reason += fmt.Sprintf(", %.1f %%", grown)
	}
	if g.perHour {
		hours := d.newest().Time.Sub(d.Snapshots[0].Time).Hours()
		if hours <= 0 || math.IsInf(hours, 0) {
			return false, "", fmt.Errorf("gate %q: the snapshots do not tell how much time lies between them", g.text)
		}
		grown /= hours
		reason += fmt.Sprintf(" in %.2f h", hours)
	}
	return grown > g.limit, reason, nil
}
