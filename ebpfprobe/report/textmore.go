package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// zoned is the time zone in which moments are shown.
type zoned = *time.Location

func (p *printer) clients(s *Server) {
	rows := slices.Clone(s.Clients)
	slices.SortStableFunc(rows, func(a, b Client) int { return cmp.Compare(b.time(), a.time()) })
	p.keyed("client", "clients", len(rows), func(i int) (string, *Command) { return rows[i].Address, &rows[i].Command })
}

func (p *printer) prefixes(s *Server) {
	rows := slices.Clone(s.Prefixes)
	slices.SortStableFunc(rows, func(a, b Prefix) int { return cmp.Compare(b.time(), a.time()) })
	p.keyed("key prefix", "prefixes", len(rows), func(i int) (string, *Command) { return rows[i].Prefix, &rows[i].Command })
}

// keyed is a table of commands under another key than their name.
func (p *printer) keyed(title, things string, n int, row func(int) (string, *Command)) {
	if n == 0 {
		return
	}
	t := &table{}
	t.add(title, "requests", "errors", "wait p50", "p99", "max", "service p50", "p99", "max")
	shown := p.o.top(n)
	for i := range shown {
		key, c := row(i)
		t.add(commandRow(cut(printable(key), 24), c)...)
	}
	p.printf("\n")
	p.table(t)
	p.more(shown, n, things)
}

// slow lists the batches that took longest; those chosen by chance are for
// machines.
func (p *printer) slow(s *Server, zone zoned) {
	rows := slices.DeleteFunc(slices.Clone(s.Slow), func(s Slow) bool { return s.Exemplar })
	if len(rows) == 0 {
		return
	}
	slices.SortStableFunc(rows, func(a, b Slow) int { return cmp.Compare(b.total(), a.total()) })
	t := &table{tailLeft: true}
	t.add("slow, read at", "wait", "service", "batch", "client", "request")
	shown := p.o.top(len(rows))
	for i := range rows[:shown] {
		b := &rows[i]
		t.add(b.At.In(zone).Format("15:04:05.000"), b.waited(), durationText(b.ServiceNS), countText(uint64(b.Size)),
			printable(b.Client), cut(b.request(), 32))
	}
	p.printf("\n")
	p.table(t)
	p.more(shown, len(rows), "slow batches")
}

// waited is the wait, unless nobody saw the batch arrive.
func (s *Slow) waited() string {
	if s.WaitNS == 0 {
		return "-"
	}
	return durationText(s.WaitNS)
}

// request is the beginning of what was sent.
func (s *Slow) request() string {
	if s.Text != "" {
		return printable(s.Text)
	}
	return printable(s.Name)
}

func (p *printer) forks(s *Server, zone zoned) {
	if len(s.Forks) == 0 {
		return
	}
	t := &table{}
	t.add("fork at", "child", "loop stalled", "child lived", "pages copied")
	for _, f := range s.Forks[max(0, len(s.Forks)-p.o.top(len(s.Forks))):] {
		lived := "still alive"
		if f.ChildLifeNS > 0 {
			lived = durationText(f.ChildLifeNS)
		}
		t.add(f.At.In(zone).Format("15:04:05.000"), fmt.Sprint(f.ChildPID), durationText(f.StallNS), lived, countText(f.CopyFaults))
	}
	p.printf("\n")
	p.table(t)
}

// tiers names what could not be measured.
func (p *printer) tiers(tiers []Tier) {
	for i := range tiers {
		t := &tiers[i]
		switch t.State {
		case TierMissing, TierDegraded:
			p.section(t.sentence())
		}
	}
}

func (t *Tier) sentence() string {
	s := fmt.Sprintf("Tier %s is %s", t.Name, t.State)
	if t.Missing != "" {
		s += ": " + t.Missing
	}
	if t.Mend != "" {
		s += "; " + t.Mend
	}
	return s + "."
}

// Syscalls writes the table that people know from strace -c, with quantiles.
func Syscalls(w io.Writer, rows []Syscall, o Options) error {
	p := &printer{w: w, o: o}
	p.syscalls(rows)
	return p.err
}

func (p *printer) syscalls(rows []Syscall) {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Syscall) int { return cmp.Compare(b.Time.Sum, a.Time.Sum) })
	var all Syscall
	for i := range rows {
		all.merge(&rows[i])
	}
	t := &table{tailLeft: true}
	t.add("% time", "seconds", "usecs/call", "calls", "errors", "p50", "p95", "p99", "max", "syscall")
	line := func(c *Syscall, name string) {
		share, mean := 0.0, 0.0
		if all.Time.Sum > 0 {
			share = 100 * float64(c.Time.Sum) / float64(all.Time.Sum)
		}
		if c.Calls > 0 {
			mean = float64(c.Time.Sum) / 1e3 / float64(c.Calls)
		}
		t.add(fmt.Sprintf("%6.2f", share), fmt.Sprintf("%.6f", float64(c.Time.Sum)/1e9), fmt.Sprintf("%.1f", mean),
			countText(c.Calls), errorsText(c.Errors), quantileText(&c.Time, .5), quantileText(&c.Time, .95), quantileText(&c.Time, .99),
			maxText(&c.Time), name)
	}
	shown := p.o.top(len(rows))
	for i := range rows[:shown] {
		line(&rows[i], cut(printable(rows[i].Name)+errnoText(rows[i].Errnos), 24))
	}
	line(&all, "total")
	p.table(t)
	p.more(shown, len(rows), "system calls")
}

// errorsText leaves the cell empty where there are none, as strace does.
func errorsText(n uint64) string {
	if n == 0 {
		return ""
	}
	return countText(n)
}

// errnoText names the most frequent error.
func errnoText(errnos map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(errnos), func(a, b string) int {
		return cmp.Or(cmp.Compare(errnos[b], errnos[a]), strings.Compare(a, b))
	})
	if len(names) == 0 {
		return ""
	}
	return " (" + names[0] + ")"
}

func lostText(lost map[string]uint64) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(lost)) {
		parts = append(parts, fmt.Sprintf("%s %s", countText(lost[kind]), printable(kind)))
	}
	if len(parts) == 0 {
		return "kind unknown"
	}
	return strings.Join(parts, ", ")
}

// Check writes what each tier can do here, a line each, and below it what is
// missing and how to get it.
func Check(w io.Writer, tiers []Tier, o Options) error {
	p := &printer{w: w, o: o}
	wide := 0
	for i := range tiers {
		wide = max(wide, len(tiers[i].Name))
	}
	for i := range tiers {
		t := &tiers[i]
		head := fmt.Sprintf("%-*s  %-8s  ", wide, t.Name, t.State)
		text := t.Does
		if t.Missing != "" {
			text = "needs " + t.Missing
			if t.Mend != "" {
				text += ": " + t.Mend
			}
		}
		if t.Costs != "" && t.Missing == "" {
			text += " (" + t.Costs + ")"
		}
		p.printf("%s%s\n", head, wrap(text, strings.Repeat(" ", len(head)), p.o.width(), len(head)))
	}
	return p.err
}
