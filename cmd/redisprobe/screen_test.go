package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
)

// played is a screen after n seconds.
func played(n int) *screen {
	s := newScreen()
	var before *report.Report
	for i := 1; i <= n; i++ {
		now := reporttest.At(i)
		s.add(now.Since(before))
		before = now
	}
	return s
}

func text(s *screen) string { return joined(s.lines(100, 40)) }

func TestScreen(t *testing.T) {
	s := played(7)
	for _, want := range []string{
		"redis-server, port 6379, pid 4711: 125 requests in 1.0 s (125/s)",
		"wait over the last 7 s, newest right",
		"\n 100 ms ░  ░  ░\n", // every third second, 3 requests of 180 ms
		"\n  10 µs ▓▓▓▓▓▓▓\n",
		"\n3 GETs and 1 SET waited 90.0–198 ms behind EVAL (sha 3f2a9c01d7e4) from 10.0.0.7:51234",
	} {
		if !strings.Contains(text(s), want) {
			t.Errorf("no %q in\n%s", want, text(s))
		}
	}
}

// TestSentencesAreWrapped checks that who is to blame can be read to the end where
// there is room, and that a small screen has the first sentence's beginning.
func TestSentencesAreWrapped(t *testing.T) {
	s := played(7)
	want := "\n3 GETs and 1 SET waited 90.0–198 ms behind EVAL (sha\n  3f2a9c01d7e4) from 10.0.0.7:51234, which took 200 ms;\n  trace " + reporttest.TraceID + "\n"
	if got := joined(s.lines(60, 40)); !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	if got := joined(s.lines(60, 8)); !strings.Contains(got, "\n3 GETs and 1 SET waited 90.0–198 ms behind EVAL (sha\n\n") {
		t.Errorf("on a small screen:\n%s", got)
	}
}

// TestKeys presses each key and looks at what has changed.
func TestKeys(t *testing.T) {
	s := played(7)
	tests := []struct{ key, want string }{
		{"a", "855 requests in 7.0 s (122/s)"},
		{"w", "service over the last 7 s"},
		{"s", "s sort by wait p99"},
		{"space", "PAUSED"},
	}
	for _, tt := range tests {
		if strings.Contains(text(s), tt.want) {
			t.Fatalf("%q before the key %s", tt.want, tt.key)
		}
		if s.key(tt.key) {
			t.Errorf("the key %s leaves", tt.key)
		}
		if !strings.Contains(text(s), tt.want) {
			t.Errorf("after the key %s no %q in\n%s", tt.key, tt.want, text(s))
		}
	}
	if !s.key("q") || !s.key("ctrl+c") {
		t.Error("q and ctrl+c do not leave")
	}
}

// TestPause checks that a paused screen shows its interval while others come.
func TestPause(t *testing.T) {
	s := played(7)
	s.key("space")
	s.add(reporttest.At(9).Since(reporttest.At(7)))
	if !strings.Contains(text(s), "125 requests in 1.0 s") {
		t.Errorf("paused, but:\n%s", text(s))
	}
	s.key("space")
	if !strings.Contains(text(s), "240 requests in 2.0 s") || !strings.Contains(text(s), "\nearlier: 9 GETs") {
		t.Errorf("going on, but:\n%s", text(s))
	}
}

func TestSeveralServers(t *testing.T) {
	s := newScreen()
	if got := text(s); !strings.HasPrefix(got, "redisprobe: no server yet") {
		t.Errorf("before any: %s", got)
	}
	r := reporttest.At(2)
	r.Servers = append(r.Servers, report.Server{PID: 2, Port: 7000, Name: "valkey-server"})
	s.add(r.Since(nil))
	s.key("tab")
	if got := text(s); !strings.HasPrefix(got, "valkey-server, port 7000, pid 2: 0 requests") || !strings.Contains(got, "server 2 of 2") {
		t.Errorf("the second server:\n%s", got)
	}
	s.key("tab")
	if got := text(s); !strings.HasPrefix(got, "redis-server") {
		t.Errorf("the first again:\n%s", got)
	}
}

// TestSizes checks that the screen fits whatever the terminal's size is.
func TestSizes(t *testing.T) {
	s := played(300)
	for _, size := range [][2]int{{1, 1}, {20, 5}, {80, 24}, {100, 40}, {250, 70}} {
		terminal := &terminal{screen: s}
		terminal.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		lines := s.lines(size[0], size[1])
		if len(lines) > size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > size[0] {
				t.Errorf("%v: a line of %d columns: %s", size, n, line)
			}
		}
		if view := terminal.View(); !view.AltScreen || !strings.HasPrefix(view.Content, "\x1b[7m"+lines[0]) {
			t.Errorf("%v: view %q", size, fmt.Sprint(view.Content))
		}
	}
}

func TestTerminalKeys(t *testing.T) {
	terminal := &terminal{screen: newScreen()}
	if _, cmd := terminal.Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); cmd == nil {
		t.Error("q does not quit")
	}
	if _, cmd := terminal.Update(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}); cmd == nil {
		t.Error("ctrl+c does not quit")
	}
	terminal.Update(arrived{reporttest.At(3)})
	if len(terminal.screen.total.Servers) != 1 {
		t.Error("the interval has not arrived")
	}
	if _, cmd := terminal.Update(tea.KeyPressMsg{Code: ' ', Text: " "}); cmd != nil || terminal.screen.held == nil {
		t.Error("space does not pause")
	}
}
