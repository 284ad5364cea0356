package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/heapdiff/internal/humanize"
)

// Markdown writes the comparison for an issue or a pull request.
func Markdown(w io.Writer, d *heapdiff.Delta, o Options) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "## Heap\n\n%s\n\n", cell(d.Verdict))
	fmt.Fprintln(b, "| snapshot | objects | bytes | live | generations |\n|---|--:|--:|--:|---|")
	for _, s := range d.Snapshots {
		live := ""
		if s.Reached {
			live = humanize.Bytes(s.LiveBytes)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", cell(s.Source), humanize.Count(s.Objects), humanize.Bytes(s.Bytes), live,
			cell(strings.TrimSpace(s.Collector+" "+string(s.Generations))))
	}
	markdownWarnings(b, d)
	markdownSuspects(b, d, &o)
	markdownClasses(b, d, &o)
	if len(d.Findings) > 0 {
		fmt.Fprint(b, "\n### Also\n\n")
		for _, f := range d.Findings {
			fmt.Fprintf(b, "- %s\n", cell(f.Text))
		}
	}
	return b.Flush()
}

func markdownWarnings(b io.Writer, d *heapdiff.Delta) {
	sep := "\n"
	for _, w := range slices.Concat(d.Warnings, snapshotWarnings(d)) {
		fmt.Fprintf(b, "%s- warning: %s\n", sep, cell(w))
		sep = ""
	}
}

func markdownSuspects(b io.Writer, d *heapdiff.Delta, o *Options) {
	list := o.suspects(d)
	if len(list) == 0 {
		return
	}
	fmt.Fprint(b, "\n### Suspects\n\n")
	for i, s := range list {
		if o.Top > 0 && i == o.Top {
			break
		}
		fmt.Fprintf(b, "%d. **%s** (score %.2f): %s", i+1, cell(s.Holder), s.Score, cell(s.Reason))
		if len(s.Path) > 0 {
			fmt.Fprintf(b, "  \n   %s", cell(strings.Join(s.Path, " → ")))
		}
		fmt.Fprintln(b)
	}
}

func markdownClasses(b io.Writer, d *heapdiff.Delta, o *Options) {
	rows := o.classes(d)
	if len(rows) == 0 {
		return
	}
	last := len(d.Snapshots) - 1
	s := d.Snapshots[last]
	gens := s.Generations != heapdiff.GenerationsUnknown && s.Reached
	head, rule := "| class | bytes | instances |", "|---|--:|--:|"
	if last > 0 {
		head, rule = head+" growth |", rule+"--:|"
	}
	if o.Retained && s.Reached {
		head, rule = head+" retained |", rule+"--:|"
	}
	if gens {
		head, rule = head+" old live | old dead | young |", rule+"--:|--:|--:|"
	}
	fmt.Fprintf(b, "\n### Classes\n\n%s\n%s\n", head, rule)
	for i := range rows {
		c := &rows[i]
		at := &c.At[last]
		a := o.of(at)
		fmt.Fprintf(b, "| %s | %s | %s |", cell(c.Name), humanize.Bytes(a.bytes), humanize.Count(a.objects))
		if last > 0 {
			fmt.Fprintf(b, " %s |", o.change(o.growth(c)))
		}
		if o.Retained && s.Reached {
			fmt.Fprintf(b, " %s |", humanize.Bytes(at.RetainedBytes))
		}
		if gens {
			fmt.Fprintf(b, " %d | %d | %d |", at.Old.Live, at.Old.Dead, at.Young.Instances())
		}
		fmt.Fprintln(b)
	}
}

// marks are the characters that Markdown or the HTML in it would take for its own.
var marks = strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "`", "\\`", "[", `\[`, "\n", " ")

func cell(s string) string { return marks.Replace(s) }
