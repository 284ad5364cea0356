package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
)

// TestForkGoesOn puts together the parts of a report in which a fork's child was
// alive at first.
func TestForkGoesOn(t *testing.T) {
	at := func(forks ...report.Fork) *report.Report {
		r := reporttest.Over(7)
		r.Servers[0].Forks = forks
		return r
	}
	alive := report.Fork{At: reporttest.Start, ChildPID: 4800, StallNS: 432_000, CopyFaults: 12}
	ended, other := alive, alive
	ended.ChildLifeNS, ended.CopyFaults = 61_000_000, 1234
	other.ChildPID = 4801
	states := []*report.Report{at(alive), at(alive), at(ended, other), at(ended, other)}
	whole := &report.Report{}
	var news []int
	var before *report.Report
	for _, r := range states {
		part := r.Since(before)
		news = append(news, len(part.Servers[0].Forks))
		whole.Append(part)
		before = r
	}
	if diff := cmp.Diff([]int{1, 0, 2, 0}, news); diff != "" {
		t.Errorf("forks in each part (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]report.Fork{ended, other}, whole.Servers[0].Forks); diff != "" {
		t.Errorf("forks (-want +got):\n%s", diff)
	}
}
