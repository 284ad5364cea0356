package source

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/clewhq/clew/zscore"
)

// calendarFile is a calendar as people write it.
type calendarFile struct {
	Zone     string   `yaml:"zone"`
	Open     string   `yaml:"open"`
	Close    string   `yaml:"close"`
	Days     []string `yaml:"days"`
	Holidays []string `yaml:"holidays"`
}

// Calendar reads a calendar in YAML:
//
//	zone: Asia/Seoul
//	open: "09:00"
//	close: "15:30"
//	days: [mon, tue, wed, thu, fri]
//	holidays: [2026-01-01, 2026-03-01]
//
// All keys may be missing; a key of another name is an error. Days that are
// neither days nor holidays are weekends.
func Calendar(r io.Reader) (zscore.Calendar, error) {
	var f calendarFile
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return zscore.Calendar{}, err
	}
	var c zscore.Calendar
	var errs []error
	note := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	var err error
	c.Zone, err = Zone(f.Zone)
	note("zone", err)
	for _, edge := range []struct{ key, text string }{{"open", f.Open}, {"close", f.Close}} {
		if edge.text == "" {
			continue
		}
		at, err := time.Parse("15:04", edge.text)
		if err != nil {
			note(edge.key, fmt.Errorf(`%q is no time of day like "09:00"`, edge.text))
			continue
		}
		c.Edges = append(c.Edges, time.Duration(at.Hour())*time.Hour+time.Duration(at.Minute())*time.Minute)
	}
	for _, name := range f.Days {
		day, err := weekday(name)
		note("days", err)
		c.Workdays = append(c.Workdays, day)
	}
	for _, text := range f.Holidays {
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			note("holidays", fmt.Errorf("%q is no date like 2026-01-01", text))
			continue
		}
		c.Holidays = append(c.Holidays, zscore.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()})
	}
	if err := errors.Join(errs...); err != nil {
		return zscore.Calendar{}, err
	}
	return c, nil
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

func weekday(name string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if long := strings.ToLower(d.String()); strings.EqualFold(name, long) || strings.EqualFold(name, long[:3]) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no weekday like mon", name)
}
