package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Silence keeps matching incidents quiet for a time.
type Silence struct {
	ID      string    `json:"id"`
	Match   Matchers  `json:"match"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	By      string    `json:"by,omitempty"`
	Comment string    `json:"comment,omitempty"`
}

func (s *Silence) covers(i *Incident, now time.Time) bool {
	return !now.Before(s.From) && now.Before(s.To) && s.Match.Match(i.label)
}

// Mute is a window that comes back every week, such as that of the deployments.
type Mute struct {
	Name  string
	Match Matchers // none for all
	// Days are those on which the window begins; none for all.
	Days []time.Weekday
	// From and To are times of day, since midnight. A To that is not after From is
	// of the next day.
	From, To time.Duration
	Zone     *time.Location // nil is UTC
}

// ParseWeekly reads a window such as "tue 02:00-03:00", "mon-fri 22:00-06:00",
// "sat,sun 00:00-24:00" or "02:00-03:00" for every day.
func ParseWeekly(s string) (days []time.Weekday, from, to time.Duration, err error) {
	want := fmt.Errorf(`%q: want a weekly window such as "tue 02:00-03:00" or "mon-fri 22:00-06:00"`, s)
	fields := strings.Fields(s)
	if len(fields) == 0 || len(fields) > 2 {
		return nil, 0, 0, want
	}
	if len(fields) == 2 {
		if days, err = ParseDays(fields[0]); err != nil {
			return nil, 0, 0, fmt.Errorf("%q: %w", s, err)
		}
	}
	a, b, ok := strings.Cut(fields[len(fields)-1], "-")
	if !ok {
		return nil, 0, 0, want
	}
	from, okFrom := timeOfDay(a)
	to, okTo := timeOfDay(b)
	if !okFrom || !okTo || from == 24*time.Hour {
		return nil, 0, 0, want
	}
	return days, from, to, nil
}

func timeOfDay(s string) (time.Duration, bool) {
	if s == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", s)
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, err == nil
}

// ParseDays reads weekdays such as "tue", "mon-fri" or "sat,sun".
func ParseDays(s string) ([]time.Weekday, error) {
	var out []time.Weekday
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, okA := weekday(first)
		b := a
		okB := true
		if isRange {
			b, okB = weekday(last)
		}
		if !okA || !okB {
			return nil, fmt.Errorf("%q is no weekday or range of weekdays like tue or mon-fri", part)
		}
		for d := a; ; d = (d + 1) % 7 {
			if !slices.Contains(out, d) {
				out = append(out, d)
			}
			if d == b {
				break
			}
		}
	}
	return out, nil
}

func weekday(name string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if long := d.String(); strings.EqualFold(name, long) || strings.EqualFold(name, long[:3]) {
			return d, true
		}
	}
	return 0, false
}

// covers reports whether now lies in a window that began today or yesterday. The
// times are those of the wall clock, whatever the clocks do that night.
func (m *Mute) covers(i *Incident, now time.Time) bool {
	if !m.Match.Match(i.label) {
		return false
	}
	if m.Zone != nil {
		now = now.In(m.Zone)
	} else {
		now = now.UTC()
	}
	at := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute + time.Duration(now.Second())*time.Second
	today, yesterday := now.Weekday(), (now.Weekday()+6)%7
	if m.From < m.To {
		return m.on(today) && at >= m.From && at < m.To
	}
	return m.on(today) && at >= m.From || m.on(yesterday) && at < m.To
}

func (m *Mute) on(d time.Weekday) bool { return len(m.Days) == 0 || slices.Contains(m.Days, d) }

// Inhibit keeps incidents quiet while another one is open: when the gateway is
// down, nobody needs to hear that its traffic is low.
type Inhibit struct {
	If, Then Matchers
	// Equal are the labels that both must have in common.
	Equal []string
}

func (r *Inhibit) covers(target, source *Incident) bool {
	if target.ID == source.ID || !source.Open() || !r.Then.Match(target.label) || !r.If.Match(source.label) {
		return false
	}
	for _, name := range r.Equal {
		if target.label(name) != source.label(name) {
			return false
		}
	}
	return true
}

// held says what keeps an incident quiet now, or nothing.
func (b *Book) held(i *Incident, now time.Time) string {
	for _, s := range b.silences {
		if s.covers(i, now) {
			return "silence " + s.ID
		}
	}
	for k := range b.config.Mutes {
		if b.config.Mutes[k].covers(i, now) {
			return "mute " + b.config.Mutes[k].Name
		}
	}
	for k := range b.config.Inhibits {
		for _, id := range b.open {
			if source := b.incidents[id]; b.config.Inhibits[k].covers(i, source) {
				return "incident " + source.ID + " of " + source.Rule
			}
		}
	}
	return ""
}
