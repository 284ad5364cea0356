package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clewhq/clew/zscore"
	"github.com/clewhq/clew/zscore/alert"
)

// ParseCalendar reads a file that holds one of a configuration's calendars:
//
//	zone: Asia/Seoul
//	open: "09:00"
//	close: "15:30"
//	days: [mon, tue, wed, thu, fri]
//	holidays: [2026-01-01, 2026-03-01]
//
// All keys may be missing. file is its name in errors, each an [*Error], and where
// paths within it are relative to. Days that are neither days nor holidays are
// weekends.
func ParseCalendar(file string, b []byte) (zscore.Calendar, error) {
	r := &reader{file: file}
	root, err := r.document(b, "want any of zone, open, close, days, holidays and holidays_file")
	if err != nil {
		return zscore.Calendar{}, err
	}
	p := parser{c: &Config{Zone: time.UTC}, dir: filepath.Dir(file)}
	c := p.calendar(root)
	root.note(c.Check())
	return c, errors.Join(r.errs...)
}

// Zone finds a time zone by its IANA name; "" is UTC.
func Zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		// "Local" is another zone on each machine.
		return nil, fmt.Errorf("%q is no IANA time zone like Asia/Seoul", name)
	}
	return zone, nil
}

func (p *parser) zone(n node, to **time.Location) {
	var name string
	n.text(&name)
	zone, err := Zone(name)
	if err != nil {
		n.note(err)
		return
	}
	*to = zone
}

func (p *parser) calendars(n node) {
	p.schedules = map[string]*zscore.Schedule{}
	n.each(func(name string, v node) {
		schedule, err := zscore.NewSchedule(p.calendar(v))
		v.note(err)
		p.schedules[name] = schedule
	})
}

func (p *parser) calendar(n node) zscore.Calendar {
	c := zscore.Calendar{Zone: p.c.Zone}
	n.fields(map[string]func(node){
		"zone":  func(v node) { p.zone(v, &c.Zone) },
		"open":  func(v node) { edge(v, &c) },
		"close": func(v node) { edge(v, &c) },
		"days": func(v node) {
			v.list(func(e node) {
				var s string
				e.text(&s)
				days, err := alert.ParseDays(s)
				e.note(err)
				c.Workdays = append(c.Workdays, days...)
			})
		},
		"holidays": func(v node) {
			v.list(func(e node) {
				var s string
				e.text(&s)
				holiday(e, s, &c)
			})
		},
		"holidays_file": func(v node) { p.holidays(v, &c) },
	})
	return c
}

func edge(n node, c *zscore.Calendar) {
	var s string
	n.text(&s)
	at, err := time.Parse("15:04", s)
	if err != nil {
		n.errf(`%q is no time of day like "09:00"`, s)
		return
	}
	c.Edges = append(c.Edges, time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute)
}

func holiday(n node, s string, c *zscore.Calendar) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		n.errf("%q is no date like 2026-01-01", s)
		return
	}
	c.Holidays = append(c.Holidays, zscore.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()})
}

// holidays reads a file with a date a line; # begins a comment.
func (p *parser) holidays(n node, c *zscore.Calendar) {
	var name string
	n.text(&name)
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		n.note(err)
		return
	}
	for line := range strings.Lines(string(b)) {
		line, _, _ = strings.Cut(line, "#")
		if date, _, _ := strings.Cut(strings.TrimSpace(line), " "); date != "" {
			holiday(n, date, c)
		}
	}
}
