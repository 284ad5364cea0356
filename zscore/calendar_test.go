package zscore

import (
	"strings"
	"testing"
	"time"
)

func TestCalendarKinds(t *testing.T) {
	zone := seoul(t)
	plain := &Calendar{Zone: zone, Holidays: []Date{{2026, 1, 1}}}
	shop := &Calendar{Workdays: []time.Weekday{time.Saturday}}
	tests := []struct {
		name string
		cal  *Calendar
		at   time.Time
		want DayKind
	}{
		{"a Friday", plain, time.Date(2026, 11, 20, 12, 0, 0, 0, zone), Workday},
		{"a Sunday", plain, time.Date(2026, 11, 22, 12, 0, 0, 0, zone), Weekend},
		{"Sunday in UTC, Monday in Seoul", plain, time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC), Workday},
		{"New Year, still the old one in UTC", plain, time.Date(2025, 12, 31, 15, 0, 0, 0, time.UTC), Holiday},
		{"a shop's Saturday", shop, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), Workday},
		{"a shop's Monday", shop, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Weekend},
	}
	for _, tt := range tests {
		c := clock{schedule: &Schedule{calendar: *tt.cal, slots: newSlotting(nil)}}
		if got, _ := c.at(tt.at.Unix()); got != tt.want {
			t.Errorf("%s is a %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCalendarCheck(t *testing.T) {
	bad := &Calendar{Edges: []time.Duration{25 * time.Hour}, Holidays: []Date{{2026, 2, 30}}}
	err := bad.Check()
	if err == nil || !strings.Contains(err.Error(), "25h0m0s") || !strings.Contains(err.Error(), "2026-02-30") {
		t.Errorf("err = %v, want it to name the time and the date", err)
	}
	if _, err := NewSchedule(*bad); err == nil {
		t.Error("NewSchedule takes a calendar that is wrong")
	}
}

func TestSlotting(t *testing.T) {
	tests := []struct {
		name   string
		edges  []time.Duration
		slots  int
		minute int // of the day
		fine   bool
	}{
		{"no edges", nil, 288, 540, false},
		{"nine", []time.Duration{9 * time.Hour}, 288 + 6*4, 540, true},
		{"nine, long before", []time.Duration{9 * time.Hour}, 288 + 6*4, 300, false},
		{"around midnight", []time.Duration{0}, 288 + 6*4, 24*60 - 5, true},
	}
	for _, tt := range tests {
		s := newSlotting(tt.edges)
		if want := [dayKinds]int{tt.slots, 288, 96}; s.slots != want {
			t.Errorf("%s: %d slots, want %d", tt.name, s.slots, want)
		}
		for kind, of := range s.ofMinute {
			if fine := of[tt.minute] != of[tt.minute+1]; fine != (tt.fine && DayKind(kind) == Workday) {
				t.Errorf("%s: minute %d of a %v is fine: %v", tt.name, tt.minute, DayKind(kind), fine)
			}
			for m := 1; m < len(of); m++ {
				if d := of[m] - of[m-1]; d > 1 {
					t.Fatalf("%s: slots jump by %d at minute %d", tt.name, d, m)
				}
			}
		}
	}
}

// The clock's shortcut agrees with the time package, where clocks change and
// where zones are not whole hours.
func TestClockEqualsTimePackage(t *testing.T) {
	for _, name := range []string{"Asia/Seoul", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		cal := &Calendar{Zone: zone}
		c := clock{schedule: &Schedule{calendar: *cal, slots: newSlotting(nil)}}
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for at := start; at.Before(start.AddDate(1, 0, 0)); at = at.Add(7*time.Minute + 13*time.Second) {
			local := at.In(zone)
			kind, minute := c.at(at.Unix())
			if want := local.Hour()*60 + local.Minute(); minute != want || kind != cal.kind(local) {
				t.Fatalf("%v is minute %d of a %v, want %d of a %v", local, minute, kind, want, cal.kind(local))
			}
		}
	}
}
