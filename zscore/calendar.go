package zscore

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// DayKind is what a calendar says of a day. Days of one kind are alike.
type DayKind uint8

// The kinds of day that there are.
const (
	Workday DayKind = iota
	Weekend
	Holiday
	dayKinds
)

// String names the kind in a lower-case word.
func (k DayKind) String() string { return [...]string{"workday", "weekend", "holiday"}[k] }

// Calendar says which days are alike, and when in them a market or an office
// opens and closes. The zero Calendar has workdays from Monday to Friday in UTC
// and no opening hours.
type Calendar struct {
	// Zone is the time zone of everything else here; nil is UTC. A day has 23 or
	// 25 hours where the clocks change, and its slots are those of the wall clock.
	Zone *time.Location
	// Workdays are the weekdays that are; nil is Monday to Friday.
	Workdays []time.Weekday
	// Holidays are dates that are no workdays whatever the weekday.
	Holidays []Date
	// Edges are the times of day, since midnight, at which the traffic jumps or
	// falls: opening and closing. Around them the baseline is fine-grained.
	Edges []time.Duration
}

// Date is a day of the calendar, without a zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Check reports what is wrong with the calendar, or nil.
func (c *Calendar) Check() error {
	var errs []error
	for _, e := range c.Edges {
		if e < 0 || e >= 24*time.Hour {
			errs = append(errs, fmt.Errorf("the time of day %v is not within a day", e))
		}
	}
	for _, d := range c.Holidays {
		if t := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC); t.Day() != d.Day || t.Month() != d.Month {
			errs = append(errs, fmt.Errorf("there is no day %04d-%02d-%02d", d.Year, d.Month, d.Day))
		}
	}
	return errors.Join(errs...)
}

func (c *Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// kind is that of the day that t, in the calendar's zone, lies in.
func (c *Calendar) kind(t time.Time) DayKind {
	y, m, d := t.Date()
	if slices.Contains(c.Holidays, Date{y, m, d}) {
		return Holiday
	}
	day := t.Weekday()
	if c.Workdays == nil {
		if day == time.Saturday || day == time.Sunday {
			return Weekend
		}
		return Workday
	}
	if slices.Contains(c.Workdays, day) {
		return Workday
	}
	return Weekend
}

// slotting cuts the days of each kind into slots. On workdays they are five
// minutes each, and one minute near an edge: a slot must be shorter than the rise
// that it describes, or an ordinary opening is news; elsewhere finer slots would
// only learn more slowly. Nothing opens on the other days, and of holidays there
// are too few to learn much from.
type slotting struct {
	ofMinute [dayKinds][24 * 60]uint16
	slots    [dayKinds]int
	nearEdge [24 * 60]bool // an edge lies a little before
	fine     [24 * 60]bool // the slots of workdays are a minute here
}

const (
	coarse   = 5  // minutes
	holidays = 15 // the same on holidays
	edgeFrom = -5
	edgeTo   = 25 // an opening is not over in a minute
	// edgeGrace is how long the edge is news to who knows of no calendar.
	edgeGrace = 30
)

func newSlotting(edges []time.Duration) *slotting {
	s := new(slotting)
	for _, e := range edges {
		at := int(e / time.Minute)
		// Whole coarse slots turn fine, so that none is left shorter.
		for m := (at + edgeFrom) / coarse * coarse; m < at+edgeTo; m++ {
			s.fine[(m+24*60)%(24*60)] = true
		}
		for m := range edgeGrace {
			s.nearEdge[(at+m)%(24*60)] = true
		}
	}
	for kind, width := range [dayKinds]int{Workday: coarse, Weekend: coarse, Holiday: holidays} {
		slot := -1
		for m := range 24 * 60 {
			if m%width == 0 || s.fine[m] && DayKind(kind) == Workday {
				slot++
			}
			s.ofMinute[kind][m] = uint16(slot)
		}
		s.slots[kind] = slot + 1
	}
	return s
}

// beside is the slot that a minute borders on, unless it lies near an edge.
func (s *slotting) beside(kind DayKind, minute int) (slot int, ok bool) {
	if s.fine[minute] {
		return 0, false
	}
	own := s.ofMinute[kind][minute]
	for _, m := range [...]int{(minute + 24*60 - 1) % (24 * 60), (minute + 1) % (24 * 60)} {
		if other := s.ofMinute[kind][m]; other != own {
			return int(other), true
		}
	}
	return 0, false
}

// Schedule is a calendar made ready for detectors, which share it. It never
// changes and may be used by several goroutines.
type Schedule struct {
	calendar Calendar
	slots    *slotting
}

// NewSchedule checks c and copies it.
func NewSchedule(c Calendar) (*Schedule, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c.Workdays, c.Holidays, c.Edges = slices.Clone(c.Workdays), slices.Clone(c.Holidays), slices.Clone(c.Edges)
	return &Schedule{calendar: c, slots: newSlotting(c.Edges)}, nil
}

// clock tells the slot and the kind of day of a time. The zone's offset changes
// at whole quarters of an hour, so it is looked up once in each.
type clock struct {
	schedule *Schedule
	quarter  int64 // Unix time in quarters of an hour, valid if known
	offset   int64 // of the zone, seconds east of UTC
	dayKind  DayKind
	known    bool
}

// at returns the kind of day and the minute of it.
func (c *clock) at(sec int64) (kind DayKind, minute int) {
	if q := floorDiv(sec, 900); !c.known || q != c.quarter {
		local := time.Unix(sec, 0).In(c.schedule.calendar.zone())
		_, offset := local.Zone()
		c.quarter, c.offset, c.known = q, int64(offset), true
		c.dayKind = c.schedule.calendar.kind(local)
	}
	day := (sec + c.offset) % 86400
	if day < 0 {
		day += 86400
	}
	return c.dayKind, int(day / 60)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
