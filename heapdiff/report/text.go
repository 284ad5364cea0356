package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// Text writes the comparison for a terminal, in at most Width columns.
func Text(w io.Writer, d *heapdiff.Delta, o Options) error {
	if o.Width == 0 {
		o.Width = 100
	}
	t := &text{w: bufio.NewWriter(w), o: o, d: d}
	t.snapshots()
	t.warnings()
	if d.Verdict != "" {
		t.para("", d.Verdict)
	}
	t.suspects()
	t.classes()
	t.findings()
	t.paths()
	return t.w.Flush()
}

type text struct {
	w     *bufio.Writer
	o     Options
	d     *heapdiff.Delta
	begun bool
	twice map[string]bool // class names that need their loader to tell them apart
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

// head begins a section.
func (t *text) head(s string) {
	if t.begun {
		t.line("")
	}
	t.begun = true
	if s != "" {
		t.line("%s", s)
	}
}

// para writes a paragraph, broken at spaces, after an empty line.
func (t *text) para(indent, s string) {
	t.head("")
	t.wrap(indent, s)
}

func (t *text) wrap(indent, s string) {
	line := indent
	for _, word := range words(s) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > t.o.Width && strings.TrimSpace(line) != "" {
			t.line("%s", line)
			line = indent
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	if strings.TrimSpace(line) != "" {
		t.line("%s", line)
	}
}

// words are what a line is broken between: a number stays with its unit.
func words(s string) []string {
	var out []string
	for word := range strings.FieldsSeq(s) {
		switch strings.Trim(word, ".,;:()") {
		case "B", "kB", "MB", "GB", "%":
			if n := len(out); n > 0 {
				out[n-1] += " " + word
				continue
			}
		}
		out = append(out, word)
	}
	return out
}

func (t *text) snapshots() {
	t.head("")
	for _, s := range t.d.Snapshots {
		row := fmt.Sprintf("%s  %s objects, %s", fit(s.Source, t.o.Width/2), humanize.Count(s.Objects), humanize.Bytes(s.Bytes))
		if s.Reached {
			row += fmt.Sprintf(" (%s live)", humanize.Bytes(s.LiveBytes))
		}
		if s.Generations != heapdiff.GenerationsUnknown {
			row += fmt.Sprintf(", %s, generations %s", s.Collector, s.Generations)
		}
		t.wrap("", row)
	}
}

func (t *text) warnings() {
	for _, w := range t.d.Warnings {
		t.wrap("  ", "warning: "+w)
	}
	for _, w := range snapshotWarnings(t.d) {
		t.wrap("  ", "warning: "+w)
	}
}

// snapshotWarnings are those of the snapshots, each with the snapshot that it is
// about, unless all have it.
func snapshotWarnings(d *heapdiff.Delta) []string {
	of := map[string]int{}
	for _, s := range d.Snapshots {
		for _, w := range s.Warnings {
			of[w]++
		}
	}
	var out []string
	for _, s := range d.Snapshots {
		for _, w := range s.Warnings {
			switch {
			case of[w] < len(d.Snapshots) || len(d.Snapshots) == 1:
				out = append(out, s.Source+": "+w)
			case s == d.Snapshots[0]:
				out = append(out, "each snapshot: "+w)
			}
		}
	}
	return out
}

func (t *text) suspects() {
	list := t.o.suspects(t.d)
	if len(list) == 0 {
		return
	}
	t.head("Suspects")
	for i, s := range list {
		if t.o.Top > 0 && i == t.o.Top {
			break
		}
		sizes := make([]string, len(s.RetainedBytes))
		for k, v := range s.RetainedBytes {
			sizes[k] = humanize.Bytes(v)
		}
		t.wrap("  ", fmt.Sprintf("%d. %s, score %.2f", i+1, s.Holder, s.Score))
		t.wrap("     ", s.Reason)
		if len(sizes) > 1 {
			t.wrap("     ", "sizes: "+strings.Join(sizes, " → "))
		}
		if len(s.Path) > 0 {
			t.wrap("     ", "path: "+strings.Join(s.Path, " → "))
		}
	}
}

// classes writes the table: for a comparison the growth and the last state.
func (t *text) classes() {
	rows := t.o.classes(t.d)
	if len(rows) == 0 {
		return
	}
	last := len(t.d.Snapshots) - 1
	s := t.d.Snapshots[last]
	gens := s.Generations != heapdiff.GenerationsUnknown
	retained := s.Reached && t.o.Retained
	var head strings.Builder
	if last > 0 {
		fmt.Fprintf(&head, "%9s ", "growth")
	}
	fmt.Fprintf(&head, "%8s %11s", "bytes", "instances")
	if retained {
		fmt.Fprintf(&head, " %8s", "retained")
	}
	if gens {
		for _, c := range t.columns(s) {
			fmt.Fprintf(&head, " %9s", c)
		}
	}
	t.head(t.title())
	t.line("%s  class", head.String())
	t.twice = map[string]bool{}
	for i, c := range rows {
		for _, other := range rows[:i] {
			t.twice[c.Name] = t.twice[c.Name] || other.Name == c.Name
		}
	}
	for i := range rows {
		t.row(&rows[i], last, retained, gens)
	}
}

func (t *text) columns(s *heapdiff.Snapshot) []string {
	if s.Reached {
		return []string{"old live", "old dead", "young"}
	}
	return []string{"old", "young"}
}

func (t *text) title() string {
	what := "bytes"
	switch t.o.Sample {
	case InuseObjects:
		what = "objects"
	case AllocSpace:
		what = "bytes allocated since the start"
	case AllocObjects:
		what = "objects allocated since the start"
	case InuseSpace:
	}
	if t.o.Generation != "" || t.o.State != "" {
		what = strings.TrimSpace(string(t.o.Generation)+" "+string(t.o.State)) + " bytes"
	}
	if len(t.d.Snapshots) == 1 {
		return "Classes by " + what
	}
	if what == "bytes" {
		known := true
		for _, s := range t.d.Snapshots {
			known = known && s.Reached && s.Generations != heapdiff.GenerationsUnknown
		}
		if known {
			what = "live old bytes"
		}
	}
	return "Classes by growth of " + what
}

func (t *text) row(c *heapdiff.ClassDelta, last int, retained, gens bool) {
	var b strings.Builder
	at := &c.At[last]
	a := t.o.of(at)
	if last > 0 {
		fmt.Fprintf(&b, "%9s ", t.o.change(t.o.growth(c)))
	}
	fmt.Fprintf(&b, "%8s %11s", humanize.Bytes(a.bytes), humanize.Count(a.objects))
	if retained {
		fmt.Fprintf(&b, " %8s", humanize.Bytes(at.RetainedBytes))
	}
	if gens {
		if t.d.Snapshots[last].Reached {
			fmt.Fprintf(&b, " %9d %9d %9d", at.Old.Live, at.Old.Dead, at.Young.Instances())
		} else {
			fmt.Fprintf(&b, " %9d %9d", at.Old.Instances(), at.Young.Instances())
		}
	}
	name := c.Name
	if t.twice[c.Name] {
		name += " @" + c.Loader[strings.LastIndexByte(c.Loader, '.')+1:]
	}
	room := max(12, t.o.Width-2-utf8.RuneCountInString(b.String()))
	if stack := stackOf(c); len(stack) > 0 {
		t.line("%s  %s", b.String(), fitStack(stack, room))
		return
	}
	t.line("%s  %s", b.String(), fit(name, room))
}

func (t *text) findings() {
	if len(t.d.Findings) == 0 {
		return
	}
	t.head("Also")
	var thin []string
	for _, f := range t.d.Findings {
		if f.Kind == heapdiff.TooThin {
			thin = append(thin, fmt.Sprintf("%s (%s)", f.Subject, humanize.Bytes(f.Bytes)))
			continue
		}
		t.wrap("  ", f.Text)
	}
	if len(thin) > 0 {
		t.wrap("  ", "Too few objects were sampled to tell whether these grow: "+strings.Join(thin, ", "))
	}
}

func (t *text) paths() {
	for _, s := range t.d.Snapshots {
		for _, p := range s.Paths {
			t.head(fmt.Sprintf("%s objects, %s, are held by", humanize.Count(p.Objects), humanize.Bytes(p.RetainedBytes)))
			for i, step := range p.Steps {
				t.line("%s", fit(strings.Repeat("  ", min(i, 20)+1)+step, t.o.Width))
			}
		}
	}
}

// fit shortens s to n columns. A class name says more at its end.
func fit(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return "…" + string(r[len(r)-n+1:])
}
