package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/zscore"
)

func TestCalendar(t *testing.T) {
	const in = `
zone: Asia/Seoul
open: "09:00"
close: "15:30"
days: [mon, Tuesday, WED]
holidays: [2026-01-01, "2026-03-01"]
`
	got, err := ParseCalendar("c.yaml", []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if got.Zone.String() != "Asia/Seoul" {
		t.Errorf("zone %v, want Asia/Seoul", got.Zone)
	}
	got.Zone = nil
	want := zscore.Calendar{
		Edges:    []time.Duration{9 * time.Hour, 15*time.Hour + 30*time.Minute},
		Workdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday},
		Holidays: []zscore.Date{{Year: 2026, Month: 1, Day: 1}, {Year: 2026, Month: 3, Day: 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calendar (-want +got):\n%s", diff)
	}
}

func TestCalendarRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"unknown key", "holiday: [2026-01-01]", "c.yaml:1:10: holiday: unknown key; known here: close, days, holidays, holidays_file, open, zone"},
		{"empty", "# later", "c.yaml:1:1: empty: want any of zone"},
		{"zone", "zone: Seoul", `zone: "Seoul" is no IANA time zone`},
		{"machine's zone", "zone: Local", `"Local" is no IANA time zone`},
		{"open", "open: 9", `open: "9" is no time of day`},
		{"day", "days: [mo]", `days[0]: `},
		{"holiday", "holidays: [2026-13-01]", `holidays[0]: "2026-13-01" is no date`},
		{"several", "open: 9\nzone: X", `open: "9"`},
		{"no YAML", ":\n\t-", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseCalendar("c.yaml", []byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestEmptyCalendar(t *testing.T) {
	got, err := ParseCalendar("c.yaml", []byte("{}"))
	if err != nil || got.Zone != time.UTC || got.Workdays != nil {
		t.Errorf("got %+v (%v), want the zero calendar in UTC", got, err)
	}
}

func FuzzCalendar(f *testing.F) {
	f.Add("zone: Asia/Seoul\nopen: \"09:00\"\ndays: [mon]\nholidays: [2026-01-01]\n")
	f.Add("open: 9\n")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := ParseCalendar("c.yaml", []byte(in))
		if err != nil {
			return
		}
		if err := c.Check(); err != nil {
			t.Errorf("a calendar that was read is wrong: %v", err)
		}
	})
}
