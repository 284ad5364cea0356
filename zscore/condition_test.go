package zscore

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFewPoints has points so far apart that one lasts for the time of the rule:
// alone it must be louder than one of many.
func TestFewPoints(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every time.Duration
		z     []float64
		fires int // at which point, -1 at none
	}{
		{"one of 4 in a minute", time.Minute, []float64{0, 4.5, 0, 4.5, 0}, -1},
		{"one of 8", time.Minute, []float64{0, 8, 0}, 1},
		{"two of 5", time.Minute, []float64{0, 4.5, 5.5, 0}, 2},
		{"three of 4", time.Minute, []float64{0, 4.1, 4.1, 4.1}, 3},
		{"two of 4 in half a minute each", 30 * time.Second, []float64{0, 4.1, 4.1, 0}, -1},
		{"three of 4 in a quarter each", 15 * time.Second, []float64{0, 4.1, 4.1, 4.1}, 3},
	} {
		c, err := NewCondition(DefaultRule())
		if err != nil {
			t.Fatal(err)
		}
		at, fired := time.Unix(1764000000, 0), -1
		for i, z := range tt.z {
			at = at.Add(tt.every)
			if c.Observe(at, Verdict{Value: 100, Expected: 10, Z: z, State: Ready}) == Fired {
				fired = i
			}
		}
		if fired != tt.fires {
			t.Errorf("%s: fired at %d, want %d", tt.name, fired, tt.fires)
		}
	}
}

func TestRuleCheck(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Rule)
		want   string
	}{
		{"default", func(*Rule) {}, ""},
		{"no fire", func(r *Rule) { r.Fire = 0 }, "resolve"},
		{"fire is NaN", func(r *Rule) { r.Fire = math.NaN() }, "resolve"},
		{"resolve above fire", func(r *Rule) { r.Resolve = 5 }, "resolve 5"},
		{"negative for", func(r *Rule) { r.For = -1 }, "not negative"},
		{"negative minimum", func(r *Rule) { r.MinAbsolute = -1 }, "0 or more"},
		{"no direction", func(r *Rule) { r.Up, r.Down = false, false }, "neither up nor down"},
	}
	for _, tt := range tests {
		r := DefaultRule()
		tt.change(&r)
		_, err := NewCondition(r)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: err = %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Each script is one point every 15 s: its z, or "-" for no value, "." for no
// point at all. The answer is what happened at which point.
func TestCondition(t *testing.T) {
	quiet := func(r *Rule) { r.Quiet = 45 * time.Second }
	tests := []struct {
		name, script string
		change       func(*Rule)
		want         []string
	}{
		{name: "nothing", script: "0 1 3.9 -3.9 0"},
		{name: "too short", script: "0 5 5 0 5 5 0"},
		{name: "after 45 seconds", script: "0 5 6 5", want: []string{"3 fired up from 1, peak 6"}},
		{name: "down", script: "0 -5 -6 -5", want: []string{"3 fired down from 1, peak -6"}},
		{name: "two directions are two stretches", script: "0 5 5 -5 -5 -5", want: []string{"5 fired down from 3, peak -5"}},
		{name: "only up counts", script: "0 -5 -5 -5 -5", change: func(r *Rule) { r.Down = false }},
		{name: "resolves after the quiet", script: "0 5 5 5 3 1 1 1 0", change: quiet, want: []string{"3 fired up from 1, peak 5", "7 resolved up from 1, peak 5"}},
		{name: "between the thresholds it goes on", script: "0 5 5 5 1 1 3 1 1 9 1 1 1", change: quiet, want: []string{"3 fired up from 1, peak 5", "12 resolved up from 1, peak 9"}},
		{name: "no value is no news", script: "0 5 - 5 - 5", want: []string{"3 fired up from 1, peak 5"}},
		{
			name: "absent", script: "0 0 . . . . . 0 0 0 0", change: func(r *Rule) { quiet(r); r.AbsentAfter = time.Minute },
			want: []string{"7 fired absent from 1, peak 0", "9 resolved absent from 1, peak 0"},
		},
		{
			name: "absent while told so", script: "0 0 - - - - - -", change: func(r *Rule) { r.AbsentAfter = time.Minute },
			want: []string{"6 fired absent from 1, peak 0"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rule := DefaultRule()
			if tt.change != nil {
				tt.change(&rule)
			}
			c, err := NewCondition(rule)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, word := range strings.Fields(tt.script) {
				if word == "." {
					continue
				}
				v := absent(math.NaN())
				if word != "-" {
					v = Verdict{State: Ready, Expected: 100}
					if _, err := fmt.Sscan(word, &v.Z); err != nil {
						t.Fatal(err)
					}
					v.Value = 100 + 30*v.Z
				}
				at := monday.Add(time.Duration(i) * 15 * time.Second)
				if e := c.Observe(at, v); e != Nothing {
					a := c.Alert()
					got = append(got, fmt.Sprintf("%d %s %v from %d, peak %v", i, [...]string{"", "fired", "resolved"}[e], a.Direction, a.Start.Sub(monday)/(15*time.Second), a.Peak.Z))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConditionMinimums(t *testing.T) {
	tests := []struct {
		name               string
		relative, absolute float64
		value              float64
		want               bool
	}{
		{"far enough", 0.25, 0, 126, true},
		{"a quarter is not reached", 0.25, 0, 124, false},
		{"in units", 0, 50, 151, true},
		{"not in units", 0, 50, 149, false},
		{"both", 0.25, 50, 126, false},
	}
	for _, tt := range tests {
		rule := DefaultRule()
		rule.For, rule.MinRelative, rule.MinAbsolute = 0, tt.relative, tt.absolute
		c, err := NewCondition(rule)
		if err != nil {
			t.Fatal(err)
		}
		e := c.Observe(monday, Verdict{Value: tt.value, Expected: 100, Z: 10, State: Ready})
		if (e == Fired) != tt.want {
			t.Errorf("%s: fired %v, want %v", tt.name, e == Fired, tt.want)
		}
	}
}

// TestResumeAndEnd restarts while an alert runs, and ends one by hand.
func TestResumeAndEnd(t *testing.T) {
	rule := DefaultRule()
	rule.AbsentAfter = time.Minute
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c, err := ResumeCondition(rule, Alert{Start: at, Direction: Up})
	if err != nil {
		t.Fatal(err)
	}
	point := func(z float64) Event {
		at = at.Add(15 * time.Second)
		return c.Observe(at, Verdict{Value: 100 + z, Expected: 1, Z: z, State: Ready})
	}
	at = at.Add(time.Hour) // the daemon was down
	events := map[Event]int{}
	for range 19 {
		events[point(0)]++
	}
	if events[Resolved]+events[Fired] > 0 || !c.Firing() {
		t.Errorf("within five quiet minutes after a restart: %v", events)
	}
	for range 3 {
		events[point(0)]++
	}
	if events[Resolved] != 1 || events[Fired] != 0 {
		t.Errorf("after five quiet minutes: %v, want one resolve", events)
	}
	for range 3 {
		point(9)
	}
	if !c.Firing() {
		t.Fatal("a new spike does not fire")
	}
	c.End(true)
	for range 100 {
		if point(9) != Nothing {
			t.Fatal("an absorbed level fires")
		}
	}
	for range 30 {
		point(0)
	}
	for range 3 {
		point(9)
	}
	if !c.Firing() {
		t.Error("after it was calm a new spike does not fire")
	}
}
