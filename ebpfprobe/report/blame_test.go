package report_test

import (
	"strings"
	"testing"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// TestVictimsInOrder adds up charges of several connections: those who waited
// longest in all are named first.
func TestVictimsInOrder(t *testing.T) {
	blame := []report.Blame{
		{Cause: report.CauseUnknown, Client: "10.0.0.7:1", Victims: []report.Victim{{Name: "FOO", Count: 1, SumNS: 5}}},
		{Cause: report.CauseUnknown, Client: "10.0.0.7:2", Victims: []report.Victim{{Name: "GET", Count: 9, SumNS: 90}, {Name: "FOO", Count: 1, SumNS: 5}}},
	}
	got := report.Grouped(blame)
	if len(got) != 1 || len(got[0].Victims) != 2 || got[0].Victims[0].Name != "GET" || got[0].Victims[1].Count != 2 {
		t.Errorf("grouped %+v", got)
	}
}

// TestUnexplained checks that the text says how to learn more of what nothing
// explains, unless that was measured.
func TestUnexplained(t *testing.T) {
	const hint = "--with offcpu tells"
	unknown := report.Blame{Cause: report.CauseUnknown, Waited: 1, Victims: []report.Victim{{Name: "GET", Count: 1, SumNS: 9}}}
	for _, tt := range []struct {
		name   string
		blame  report.Blame
		offcpu *report.OffCPU
		tiers  []report.Tier
		want   bool
	}{
		{"unexplained", unknown, nil, nil, true},
		{"explained", report.Blame{Cause: report.CauseCommand, By: "EVAL", Waited: 1}, nil, nil, false},
		{"measured", unknown, &report.OffCPU{}, nil, false},
		{"asked for", unknown, nil, []report.Tier{{Name: "offcpu", State: report.TierMissing}}, false},
	} {
		r := &report.Report{Tiers: tt.tiers, Servers: []report.Server{{
			Name: "redis-server", Commands: []report.Command{{Name: "GET", Count: 1}}, Blame: []report.Blame{tt.blame}, OffCPU: tt.offcpu,
		}}}
		var b strings.Builder
		if err := report.Text(&b, r, report.Options{Width: 1000}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), hint) != tt.want {
			t.Errorf("%s: want %v of the hint in\n%s", tt.name, tt.want, &b)
		}
	}
}
