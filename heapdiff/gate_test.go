package heapdiff

import (
	"strings"
	"testing"
	"time"
)

// gateDelta is 100 MB of which 40 MB are old and live, an hour later 110 and 60.
func gateDelta() *Delta {
	snap := func(name string, at int, bytes, old int64) *Snapshot {
		return &Snapshot{
			Source: name, Time: time.Unix(int64(at), 0), Bytes: bytes, LiveBytes: bytes, Reached: true, Generations: GenerationsExact,
			Classes: []Class{{Name: "X", Old: &Population{LiveBytes: old, DeadBytes: 5e6}}},
		}
	}
	return &Delta{Kind: KindJVM, Snapshots: []*Snapshot{snap("a", 1, 100e6, 40e6), snap("b", 3601, 110e6, 60e6)}}
}

func TestGate(t *testing.T) {
	suspected := gateDelta()
	suspected.Suspects = []Suspect{{Holder: "X.Y", Reason: "static X.Y holds too much"}}
	shallow := gateDelta()
	for _, s := range shallow.Snapshots {
		s.Reached, s.Generations = false, GenerationsUnknown
	}
	single := gateDelta()
	single.Snapshots = single.Snapshots[:1]
	tests := []struct {
		gate   string
		delta  *Delta
		met    bool
		reason string // a part of it
		err    string
	}{
		{"old.live.growth>19MB", gateDelta(), true, "20.0 MB", ""},
		{"old.live.growth>20MB", gateDelta(), false, "", ""},
		{"old.live.growth > 19.5 MB", gateDelta(), true, "", ""},
		{"old.live.growth>19MiB", gateDelta(), true, "", ""},
		{"old.dead.growth>0", gateDelta(), false, "", ""},
		{"old.growth>0", gateDelta(), true, "", ""},
		{"growth>9%", gateDelta(), true, "10.0 %", ""},
		{"growth>10%", gateDelta(), false, "", ""},
		{"growth>9%/h", gateDelta(), true, "in 1.00 h", ""},
		{"growth>9%", shallow, true, "bytes grew", ""},
		{"bytes>109MB", gateDelta(), true, "110 MB", ""},
		{"bytes>110MB", single, false, "", ""},
		{"leak", gateDelta(), false, "", ""},
		{"leak", suspected, true, "static X.Y", ""},
		{"old.live.growth>1", shallow, false, "", "a lacks a generation map"},
		{"live>1", shallow, false, "", "liveness"},
		{"growth>1", single, false, "", "needs two snapshots"},
	}
	for _, tt := range tests {
		t.Run(tt.gate, func(t *testing.T) {
			g, err := ParseGate(tt.gate)
			if err != nil {
				t.Fatal(err)
			}
			if g.String() != tt.gate {
				t.Errorf("String() = %q", g.String())
			}
			met, reason, err := g.Check(tt.delta)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil || met != tt.met || !strings.Contains(reason, tt.reason) {
				t.Errorf("got %v, %q, %v; want %v with %q", met, reason, err, tt.met, tt.reason)
			}
		})
	}
}

func TestParseGateRefuses(t *testing.T) {
	for gate, want := range map[string]string{
		"growth":         "want leak",
		"growth>":        "want leak",
		"growth<5%":      "want leak",
		"young.live>5":   "unknown metric",
		"growth>5XB":     "unknown unit",
		"old.live>5%":    "for growth",
		"old.live>5MB/h": "for growth",
	} {
		if _, err := ParseGate(gate); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseGate(%q): got %v, want an error with %q", gate, err, want)
		}
	}
}
