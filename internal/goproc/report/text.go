package report

import (
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clewhq/clew/internal/goproc"
)

// Text writes v for people: the requests with their goroutines, then the places
// of all others. With stacks, each stack is written in full.
func Text(w io.Writer, v *View, stacks bool) error {
	t := &text{w: w, v: v, stacks: stacks}
	t.head()
	for _, r := range v.Requests {
		t.request(r)
	}
	t.rest()
	return t.err
}

type text struct {
	w      io.Writer
	v      *View
	stacks bool
	err    error // the first one of writing
}

func (t *text) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *text) head() {
	v := t.v
	t.printf("process %d  %s  %s  read in %s\n", v.Program.PID, clean(v.Program.Path), v.Program.GoVersion, duration(v.Took))
	ended := 0
	for _, r := range v.Requests {
		if r.Ended {
			ended++
		}
	}
	t.printf("%s, %d of the runtime; %s in flight", plural(v.Total, "goroutine"), v.System, plural(len(v.Requests)-ended, "request"))
	if ended > 0 {
		t.printf("; %d ended, with goroutines left", ended)
	}
	if v.Filtered {
		t.printf(" (of those that match)")
	}
	t.printf("\n")
	if v.Unread > 0 {
		t.printf("%d more are beyond the limit of one snapshot\n", v.Unread)
	}
}

func (t *text) request(r goproc.Request) {
	t.printf("\n%s %s  %s", t.v.Key, clean(r.ID), plural(len(r.Goroutines), "goroutine"))
	if r.AtLeast > 0 {
		t.printf("  for %s or longer", duration(r.AtLeast))
	}
	if r.Unsampled {
		t.printf("  not sampled")
	}
	if r.Ended {
		t.printf("  ended: these goroutines outlived it")
	}
	t.printf("\n")
	rows := [][]string{{"GOROUTINE", "SPAN", "STATE", "BLOCKED", "AT"}}
	for _, g := range r.Goroutines {
		span := cmp.Or(clean(g.Trace.SpanID), "-")
		if g.Trace.Ended && !r.Ended {
			span += " (ended)"
		}
		rows = append(rows, []string{strconv.FormatUint(g.ID, 10), span, state(g), atLeast(g.Waiting), t.at(g)})
	}
	if !t.stacks {
		t.table(rows)
		return
	}
	for i, g := range r.Goroutines {
		t.printf("  goroutine %s  span %s  %s\n", rows[i+1][0], rows[i+1][1], rows[i+1][2])
		t.stack(g)
	}
}

func (t *text) rest() {
	if len(t.v.Rest) == 0 {
		return
	}
	t.printf("\n%s without %s\n", plural(len(t.v.Rest), "goroutine"), t.v.Key)
	rows := [][]string{{"COUNT", "STATE", "BLOCKED", "AT"}}
	places := goproc.Places(t.v.Rest)
	for _, p := range places {
		g := p.Goroutines[0]
		rows = append(rows, []string{strconv.Itoa(len(p.Goroutines)), state(g), atLeast(p.Waiting), t.at(g)})
	}
	if !t.stacks {
		t.table(rows)
		return
	}
	for i, p := range places {
		t.printf("  %s  %s  for example goroutine %d\n", plural(len(p.Goroutines), "goroutine"), rows[i+1][1], p.Goroutines[0].ID)
		t.stack(p.Goroutines[0])
	}
}

func (t *text) stack(g *goproc.Goroutine) {
	for _, l := range g.Labels {
		if l.Key != goproc.TraceKey && l.Key != goproc.SpanKey {
			t.printf("    label %s=%s\n", clean(l.Key), clean(l.Value))
		}
	}
	for _, f := range g.Stack {
		t.printf("    %s\n", full(f))
	}
	switch {
	case g.StackCut:
		t.printf("    ...\n")
	case len(g.Stack) == 0 && g.Start.Func != "":
		t.printf("    started with %s\n", full(g.Start))
	}
	if g.Creator.Func != "" {
		t.printf("    created at %s in goroutine %d\n", full(g.Creator), g.Parent)
	}
}

func (t *text) table(rows [][]string) {
	if t.err != nil {
		return
	}
	tw := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(tw, "  %s\n", strings.Join(r, "\t"))
	}
	t.err = tw.Flush()
}

// at names a goroutine's place in the program's own code.
func (t *text) at(g *goproc.Goroutine) string {
	f := t.v.Program.UserFrame(g)
	if f == (goproc.Frame{}) {
		return "-" // moving
	}
	where := short(f)
	if len(g.Stack) == 0 {
		return "started with " + where
	}
	return where
}

func state(g *goproc.Goroutine) string {
	s := g.Reason()
	if g.Locked {
		s += ", locked to thread"
	}
	return s
}

func short(f goproc.Frame) string {
	if f.Func == "" {
		return fmt.Sprintf("%#x", f.PC)
	}
	name := f.Func
	if !strings.Contains(name, "[") {
		name = path.Base(name) // of the import path the last element is enough here
	}
	if f.File == "" {
		return clean(name)
	}
	return fmt.Sprintf("%s (%s:%d)", clean(name), clean(path.Base(f.File)), f.Line)
}

func full(f goproc.Frame) string {
	if f.Func == "" {
		return fmt.Sprintf("%#x (not Go code that is known)", f.PC)
	}
	if f.File == "" {
		return clean(f.Func)
	}
	return fmt.Sprintf("%s  %s:%d", clean(f.Func), clean(f.File), f.Line)
}

// clean makes text of another process harmless to a terminal.
func clean(s string) string {
	odd := func(r rune) bool { return !strconv.IsPrint(r) }
	if !slices.ContainsFunc([]rune(s), odd) {
		return s
	}
	return strings.Trim(strconv.Quote(s), `"`)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func atLeast(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return "≥ " + duration(d)
}

// duration rounds to what one wants to know of a request.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond / 10).String()
	case d < time.Minute:
		return d.Round(time.Second / 10).String()
	case d < time.Hour:
		return strings.TrimSuffix(d.Round(time.Second).String(), "0s")
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
