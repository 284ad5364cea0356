package timeline

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report as a table for people: one line a span, what other
// goroutines did for it below it, work of unknown origin at the end.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "span\twall\trunning\trunnable\tsyscall\twaiting\tsuspended\tunknown\twaited for")
	for _, s := range r.Spans {
		name := s.Name
		if name == "" {
			name = s.SpanID
		}
		if !s.Complete {
			name += " (cut off)"
		}
		line(t, printable(name), s.End-s.Start, s.Own)
		for _, e := range s.Elsewhere {
			label := fmt.Sprintf("  goroutine %d, %s", e.Goroutine, e.How)
			if e.Region != "" {
				label += ": " + printable(e.Region)
			}
			line(t, label, e.To-e.From, e.Split)
		}
	}
	for _, u := range r.Unknown {
		line(t, fmt.Sprintf("unknown: goroutine %d, %s", u.Goroutine, printable(u.Region)), u.To-u.From, u.Split)
	}
	return t.Flush()
}

// printable keeps a name from the trace, which may be anybody's, on its line.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '.'
		}
		return r
	}, name)
}

func line(w io.Writer, label string, wall time.Duration, s Split) {
	var reasons []string
	for _, reason := range s.Reasons() {
		reasons = append(reasons, fmt.Sprintf("%s %s", printable(reason), ms(s.Waiting[reason])))
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", label, ms(wall), ms(s.Running), ms(s.Runnable),
		ms(s.Syscall), ms(s.Wait()), ms(s.Suspended), ms(s.Unknown), strings.Join(reasons, ", "))
}

// ms writes a time in milliseconds; tables of mixed units cannot be compared.
func ms(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	return fmt.Sprintf("%.3fms", float64(d)/float64(time.Millisecond))
}
