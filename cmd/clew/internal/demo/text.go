package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clewhq/clew/internal/calltree"
)

// columns is how wide the report is at most: the width of a terminal that nobody has widened.
const columns = 80

// Text writes the report for somebody who reads it in a terminal.
func (r *Report) Text(w io.Writer, color bool) error {
	p := &printer{w: w, color: color}
	p.example(r)
	p.slack(r.spike)
	p.checks(r.Checks)
	p.numbers(r)
	if r.Interrupted {
		p.line("")
		p.line("Interrupted: this is what was measured until then.")
	}
	return p.err
}

// printer writes the parts of a report.
type printer struct {
	w     io.Writer
	color bool
	err   error // the first of w
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

// paint puts s in an ANSI colour.
func (p *printer) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
)

// example draws one payment as it looks with clew, and one without.
func (p *printer) example(r *Report) {
	if len(r.with.spans) > 0 {
		p.line("%s", p.paint(bold, "One payment with clew"))
		p.line("%s: %d spans, one tree", r.with.payment, len(r.with.spans))
		p.line("")
		p.tree(r.with)
		p.line("")
	}
	if len(r.without.spans) > 0 {
		p.line("%s", p.paint(bold, "One payment without clew"))
		p.line("%s: %d spans are left in its tree", r.without.payment, len(r.without.spans))
		p.line("")
		p.tree(r.without)
		p.line("")
		p.torn(r.Control)
	}
}

// tree draws a call tree: one row a span.
func (p *printer) tree(e example) {
	p.line("%s", p.paint(faint, fmt.Sprintf("%7s %6s %6s  %-8s %s", "start", "gap", "exec ms", "service", "span")))
	for _, row := range calltree.Build(e.spans).Rows {
		service, name := "?", "(has not come)"
		if row.Span != nil {
			service, name = row.Span.Service, row.Span.Name
		}
		head := fmt.Sprintf("%7s %6s %6s   %-8s ", millis(row.Start), millis(row.Gap), millis(row.Exec), service)
		indent := strings.Repeat(" ", 2*max(0, row.Depth-1))
		if row.Depth > 0 {
			indent += "└ "
		}
		p.line("%s", cut(head+indent+name, columns))
	}
}

// torn says what of the payments without clew lies in traces of its own.
func (p *printer) torn(v Verdict) {
	if len(v.Torn) == 0 {
		return
	}
	p.line("The rest lies in traces of its own, which nothing ties to a payment:")
	p.line("")
	for _, h := range v.Torn {
		p.line("  %6d × %-8s %s", h.Count, h.Service, h.Name)
	}
	p.line("")
}

// numbers sets the two runs side by side.
func (p *printer) numbers(r *Report) {
	p.line("%s", p.paint(bold, fmt.Sprintf("%-22s %12s %14s", "", "with clew", "without clew")))
	row := func(name string, of func(v Verdict) string) {
		without := "-"
		if r.Control.Requests > 0 {
			without = of(r.Control)
		}
		p.line("%-22s %12s %14s", name, of(r.Verdict), without)
	}
	row("payments", func(v Verdict) string { return fmt.Sprint(v.Requests) })
	row("whole traces", func(v Verdict) string { return fmt.Sprint(v.Complete) })
	row("traces a payment", func(v Verdict) string { return fmt.Sprintf("%.1f", ratio(v.Traces, v.Requests)) })
	row("spans", func(v Verdict) string { return fmt.Sprint(v.Spans) })
	row("spans lost", func(v Verdict) string { return fmt.Sprint(v.Orphans) })
}

// checks lists what the demo has proved, with the evidence.
func (p *printer) checks(checks []Check) {
	for _, c := range checks {
		mark := p.paint(green, "✔")
		switch {
		case !c.OK:
			mark = p.paint(red, "✖")
		case c.Skipped:
			mark = p.paint(faint, "–")
		}
		p.line("%s %s", mark, c.Name)
		for _, line := range wrap(c.Evidence, columns-4) {
			p.line("    %s", p.paint(faint, line))
		}
	}
	p.line("")
}

// millis is a time in nanoseconds as milliseconds.
func millis(ns int64) string {
	return fmt.Sprintf("%.2f", float64(ns)/float64(time.Millisecond))
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// wrap breaks s at spaces into lines of up to n characters; a longer word keeps a line to itself.
func wrap(s string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
