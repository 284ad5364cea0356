package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Options choose what a text shows. The zero value is a good choice.
type Options struct {
	Top   int // rows of each table and sentences of blame; 0 is 15, below 0 all
	Width int // columns of a sentence; 0 is 100
	Order Order
}

func (o Options) top(n int) int {
	switch {
	case o.Top < 0:
		return n
	case o.Top == 0:
		return min(n, 15)
	}
	return min(n, o.Top)
}

func (o Options) width() int { return cmp.Or(o.Width, 100) }

// Text writes the report for a person at a terminal: of each server who waited
// for whom, in words, and where the time of each command went, in tables.
func Text(w io.Writer, r *Report, o Options) error {
	p := &printer{w: w, o: o, seconds: r.DurationSeconds}
	if len(r.Servers) == 0 {
		p.printf("No server was seen in %.1f s.\n", r.DurationSeconds)
	}
	for i := range r.Servers {
		if i > 0 {
			p.printf("\n")
		}
		p.server(&r.Servers[i], r.Start.Location())
	}
	if r.unexplained() {
		p.section("Where nothing that was measured held the event loop, the server may have had no CPU, or slept in the kernel: --with offcpu tells.")
	}
	p.tiers(r.Tiers)
	if r.LostEvents > 0 {
		p.section(fmt.Sprintf("%s lost on the way from the kernel (%s): what rests on them is too small.",
			plural(r.LostEvents, "event"), lostText(r.Lost)))
	}
	for _, warning := range r.Warnings {
		p.section("Warning: " + printable(warning))
	}
	return p.err
}

// unexplained reports whether requests waited for what a tier that was off could
// have told.
func (r *Report) unexplained() bool {
	if slices.ContainsFunc(r.Tiers, func(t Tier) bool { return t.Name == "offcpu" }) {
		return false
	}
	return slices.ContainsFunc(r.Servers, func(s Server) bool {
		return s.OffCPU == nil && slices.ContainsFunc(s.Blame, func(b Blame) bool { return b.Cause == CauseUnknown })
	})
}

// printer keeps the first error of its writer.
type printer struct {
	w       io.Writer
	o       Options
	seconds float64
	err     error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// section writes a paragraph, wrapped.
func (p *printer) section(text string) { p.printf("\n%s\n", wrap(text, "  ", p.o.width(), 0)) }

func (p *printer) table(t *table) {
	if p.err == nil {
		p.err = t.write(p.w)
	}
}

// more says how many rows a table has left out.
func (p *printer) more(shown, all int, things string) {
	if all > shown {
		p.printf("  … and %d more %s; --top 0 shows all\n", all-shown, things)
	}
}

// Title names the server as in "redis-server, port 6379, pid 4711".
func (s *Server) Title() string {
	title := printable(s.Name)
	if s.Port > 0 {
		title += fmt.Sprintf(", port %d", s.Port)
	}
	title += fmt.Sprintf(", pid %d", s.PID)
	if s.Container != "" {
		title += ", container " + cut(printable(s.Container), 13)
	}
	return title
}

// Requests is the number of requests that the server has read.
func (s *Server) Requests() uint64 {
	var n uint64
	for i := range s.Commands {
		n += s.Commands[i].Count
	}
	return n
}

// All returns the phases of all commands together.
func (s *Server) All() Phases {
	var p Phases
	for i := range s.Commands {
		p.merge(&s.Commands[i].Phases)
	}
	return p
}

func (p *printer) server(s *Server, zone zoned) {
	n := s.Requests()
	p.printf("%s\n", wrap(s.Summary(p.seconds), "  ", p.o.width(), 0))
	if n == 0 && len(s.Syscalls) == 0 {
		p.printf("  No request came.\n")
		return
	}
	p.blame(s)
	p.printf("\n")
	p.commands(s.Commands)
	p.phases(s)
	p.offCPU(s)
	p.clients(s)
	p.prefixes(s)
	p.slow(s, zone)
	p.forks(s, zone)
	if len(s.Syscalls) > 0 {
		p.printf("\n")
		p.syscalls(s.Syscalls)
	}
}

// Summary is the server's title and its figures as a whole, in one line; seconds
// is the time that they are of.
func (s *Server) Summary(seconds float64) string {
	n := s.Requests()
	facts := fmt.Sprintf("%s: %s in %.1f s (%s/s)", s.Title(), plural(n, "request"), seconds, rateText(n, seconds))
	if sizes := &s.Batches.Sizes; sizes.Max > 1 {
		facts += fmt.Sprintf(", read in batches of %d, at most %d", sizes.Quantile(.5), sizes.Max)
	}
	if s.IOThreads {
		facts += ", io-threads"
	}
	if tls := s.TLSText(); tls != "" {
		facts += ", " + tls
	}
	if s.Exited {
		facts += "; the process has ended"
	}
	return facts
}

func (p *printer) blame(s *Server) {
	blame := Grouped(s.Blame)
	shown := p.o.top(len(blame))
	if shown == 0 {
		return
	}
	p.printf("\n")
	for i := range blame[:shown] {
		p.printf("  %s\n", wrap(blame[i].Sentence()+".", "    ", p.o.width(), 2))
	}
	p.more(shown, len(blame), "of these")
}

// Commands writes the table of commands alone.
func Commands(w io.Writer, commands []Command, o Options) error {
	p := &printer{w: w, o: o}
	p.commands(commands)
	return p.err
}

func (p *printer) commands(commands []Command) {
	rows := p.o.Order.sorted(commands)
	t := &table{}
	t.add("command", "requests", "errors", "wait p50", "p99", "max", "service p50", "p99", "max")
	shown := p.o.top(len(rows))
	for i := range rows[:shown] {
		t.add(commandRow(cut(printable(rows[i].Name), 18), &rows[i])...)
	}
	p.table(t)
	p.more(shown, len(rows), "commands")
}

// time is how long clients waited for the command's replies, in all.
func (c *Command) time() uint64 { return c.Phases.Wait.Sum + c.Phases.Service.Sum }

func commandRow(name string, c *Command) []string {
	row := []string{name, countText(c.Count), countText(c.Errors)}
	for _, d := range []*Durations{&c.Phases.Wait, &c.Phases.Service} {
		row = append(row, quantileText(d, .5), quantileText(d, .99), maxText(d))
	}
	return row
}

func quantileText(d *Durations, q float64) string {
	if d.Count == 0 {
		return "-"
	}
	return durationText(d.Quantile(q))
}

func maxText(d *Durations) string { return quantileText(d, 1) }

// phases shows what the service consists of, where a tier tells.
func (p *printer) phases(s *Server) {
	all := s.All()
	t := &table{}
	t.add("part of service", "times", "share", "mean", "p50", "p99", "max")
	for name, d := range all.All() {
		if name == "wait" || name == "service" || d.Count == 0 {
			continue
		}
		share := "-"
		if all.Service.Sum > 0 {
			share = fmt.Sprintf("%.1f %%", 100*float64(d.Sum)/float64(all.Service.Sum))
		}
		t.add(partText(name), countText(d.Count), share, durationText(uint64(d.Mean())),
			quantileText(d, .5), quantileText(d, .99), maxText(d))
	}
	if len(t.rows) > 1 {
		p.printf("\n")
		p.table(t)
	}
}

// partText is the name of a phase in words.
func partText(name string) string { return strings.ReplaceAll(name, "_", " ") }

func (p *printer) offCPU(s *Server) {
	if s.OffCPU == nil {
		return
	}
	t := &table{}
	t.add("off CPU", "times", "sum", "p50", "p99", "max")
	row := func(name string, d *Durations) {
		if d.Count > 0 {
			t.add(name, countText(d.Count), durationText(d.Sum), quantileText(d, .5), quantileText(d, .99), maxText(d))
		}
	}
	row("runnable, no CPU", &s.OffCPU.RunQueue)
	for i := range s.OffCPU.Reasons {
		row("asleep: "+cut(printable(s.OffCPU.Reasons[i].Name), 40), &s.OffCPU.Reasons[i].Time)
	}
	if len(t.rows) > 1 {
		p.printf("\n")
		p.table(t)
	}
}
