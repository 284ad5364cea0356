package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// screen is what top shows, as lines of text.
type screen struct {
	total  *report.Report
	last   *report.Report // the newest interval
	held   *report.Report // what is shown while paused, else nil
	server int            // place in total
	since  bool           // tables since the start, not of the last interval
	phase  int            // of the heat map
	order  report.Order
}

var phaseNames = []string{"wait", "service"}

func newScreen() *screen { return &screen{total: &report.Report{}, last: &report.Report{}} }

// add takes the next interval in.
func (s *screen) add(part *report.Report) {
	s.total.Append(part)
	s.last = part
}

// key does what a key is for, and says whether it is to leave.
func (s *screen) key(name string) (leave bool) {
	switch name {
	case "q", "ctrl+c", "esc":
		return true
	case "space", "p":
		if s.held != nil {
			s.held = nil
		} else {
			s.held = s.last
		}
	case "tab":
		s.server++
	case "a":
		s.since = !s.since
	case "w":
		s.phase = (s.phase + 1) % len(phaseNames)
	case "s":
		s.order = s.order.Next()
	}
	return false
}

// lines draws the screen in at most so many columns and lines; 0 is 100 by 40.
func (s *screen) lines(width, height int) []string {
	if width <= 0 || height <= 0 {
		width, height = frameWidth, frameHeight
	}
	if len(s.total.Servers) == 0 {
		return []string{fit("redisprobe: no server yet; observing the first that comes. q quits.", width)}
	}
	all := &s.total.Servers[s.server%len(s.total.Servers)]
	shown, seconds := s.shown(all)
	out := []string{
		fit(shown.Summary(seconds), width),
		fit(s.state(), width),
		"",
	}
	if height >= 24 {
		out = append(out, s.heat(all, width)...)
		out = append(out, "")
	}
	out = append(out, blame(shown, all, width, max(1, height/6))...)
	var b bytes.Buffer
	o := report.Options{Top: max(1, height-len(out)-1), Width: width, Order: s.order}
	if err := report.Commands(&b, shown.Commands, o); err != nil {
		return append(out, err.Error())
	}
	for line := range strings.Lines(b.String()) {
		out = append(out, fit(strings.TrimRight(line, "\n"), width))
	}
	return out[:min(len(out), height)]
}

// shown is the server as the tables show it, and of how many seconds that is.
func (s *screen) shown(all *report.Server) (*report.Server, float64) {
	if s.since {
		return all, s.total.DurationSeconds
	}
	part := s.last
	if s.held != nil {
		part = s.held
	}
	i := slices.IndexFunc(part.Servers, func(o report.Server) bool { return o.PID == all.PID && o.Name == all.Name })
	if i < 0 {
		return &report.Server{PID: all.PID, Port: all.Port, Name: all.Name}, part.DurationSeconds
	}
	return &part.Servers[i], part.DurationSeconds
}

// state is what holds for the whole screen, and the keys.
func (s *screen) state() string {
	var b strings.Builder
	if s.held != nil {
		b.WriteString("PAUSED  ")
	}
	if s.total.LostEvents > 0 {
		fmt.Fprintf(&b, "LOST %d events  ", s.total.LostEvents)
	}
	if n := len(s.total.Servers); n > 1 {
		fmt.Fprintf(&b, "server %d of %d  ", s.server%n+1, n)
	}
	since := "since start"
	if s.since {
		since = "interval"
	}
	fmt.Fprintf(&b, "q quit  space pause  tab server  a %s  w %s  s sort by %s",
		since, phaseNames[(s.phase+1)%len(phaseNames)], s.order.Next())
	return b.String()
}

// blame says who waits for whom, or else who did earlier, in at most so many
// lines.
func blame(shown, all *report.Server, width, most int) []string {
	var out []string
	charges, when := report.Grouped(shown.Blame), ""
	if len(charges) == 0 {
		charges, when = report.Grouped(all.Blame), "earlier: "
	}
	for i := range charges {
		lines := charges[i].Lines(width - len(when))
		if i > 0 && len(out)+len(lines) > most {
			break
		}
		lines[0] = when + lines[0]
		for _, line := range lines[:min(most, len(lines))] {
			out = append(out, fit(line, width))
		}
	}
	if len(out) > 0 {
		out = append(out, "")
	}
	return out
}

// The rows of the heat map: powers of ten, from the longest.
var heatRows = []struct {
	from uint64
	name string
}{
	{1e9, "1 s"}, {1e8, "100 ms"}, {1e7, "10 ms"}, {1e6, "1 ms"}, {1e5, "100 µs"}, {1e4, "10 µs"}, {0, "less"},
}

const shades = " ░▒▓█"

// heat draws the newest intervals, a column each: the fuller a cell, the more
// requests, by powers of ten.
func (s *screen) heat(all *report.Server, width int) []string {
	const label = 8
	series := all.Series[max(0, len(all.Series)-(width-label)):]
	out := []string{fit(fmt.Sprintf("%s over the last %.0f s, newest right", phaseNames[s.phase], length(series)), width)}
	grid := make([][]uint64, len(heatRows))
	for i := range grid {
		grid[i] = make([]uint64, len(series))
	}
	for column := range series {
		for i := range series[column].Commands {
			p := &series[column].Commands[i].Phases
			for row, n := range byRow([]*report.Durations{&p.Wait, &p.Service}[s.phase]) {
				grid[row][column] += n
			}
		}
	}
	for row := range grid {
		var b strings.Builder
		fmt.Fprintf(&b, "%*s ", label-1, heatRows[row].name)
		for _, n := range grid[row] {
			b.WriteRune(shade(n))
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

func length(series []report.Interval) (s float64) {
	for i := range series {
		s += series[i].Seconds
	}
	return s
}

// byRow sums the buckets of d by the row that they begin in.
func byRow(d *report.Durations) []uint64 {
	n := make([]uint64, len(heatRows))
	for i, count := range d.Counts {
		row := 0
		for report.BucketFrom(i) < heatRows[row].from {
			row++
		}
		n[row] += count
	}
	return n
}

// shade is the character of a cell: a single request can be seen.
func shade(n uint64) rune {
	i := 0
	for ; n > 0 && i < 4; n /= 10 {
		i++
	}
	return []rune(shades)[i]
}

// fit cuts a line to so many columns.
func fit(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(0, width-1)]) + "…"
}

func joined(lines []string) string { return strings.Join(lines, "\n") }
