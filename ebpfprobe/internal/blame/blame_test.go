package blame_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/clewhq/clew/ebpfprobe/internal/blame"
	"github.com/clewhq/clew/ebpfprobe/report"
)

const ms = uint64(time.Millisecond)

func wall(ns uint64) time.Time { return time.Unix(0, int64(ns)) }

func eval(from, to uint64) blame.Hold {
	return blame.Hold{From: from * ms, To: to * ms, Cause: report.CauseCommand, By: "EVAL", Client: "a"}
}

func get(from, to uint64) blame.Wait {
	return blame.Wait{From: from * ms, To: to * ms, Names: []blame.Count{{Name: "GET", N: 1}}}
}

func TestLedger(t *testing.T) {
	byEval := report.Blame{Cause: report.CauseCommand, By: "EVAL", Client: "a"}
	tests := []struct {
		name  string
		holds []blame.Hold
		waits []blame.Wait
		want  []report.Blame
	}{
		{"nothing", nil, nil, nil},
		{"a hold that nobody waited for", []blame.Hold{eval(0, 200)}, nil, nil},
		{"behind a script", []blame.Hold{eval(100, 300)}, []blame.Wait{get(120, 301), get(200, 302)}, []report.Blame{
			blamed(byEval, 1, 200, 200, victims(2, 102, 181)),
		}},
		{"the longest of several", []blame.Hold{eval(0, 10), {From: 10 * ms, To: 90 * ms, Cause: report.CauseFsync, By: "fsync"}}, []blame.Wait{get(0, 90)}, []report.Blame{
			blamed(report.Blame{Cause: report.CauseFsync, By: "fsync"}, 1, 80, 80, victims(1, 90, 90)),
		}},
		{"less than half explained", []blame.Hold{eval(0, 40)}, []blame.Wait{get(0, 100)}, []report.Blame{
			blamed(report.Blame{Cause: report.CauseUnknown, By: "unknown"}, 0, 0, 0, victims(1, 100, 100)),
		}},
		{
			"a late reply",
			[]blame.Hold{{From: 1 * ms, To: 2 * ms, Cause: report.CauseCommand, By: "GET"}, eval(2, 200)},
			[]blame.Wait{{From: 1 * ms, To: 201 * ms, Served: true, Names: []blame.Count{{Name: "GET", N: 1}}}},
			[]report.Blame{
				blamed(byEval, 1, 198, 198, victims(1, 200, 200)),
			},
		},
		{"the holder itself", []blame.Hold{eval(1, 200)}, []blame.Wait{{From: 1 * ms, To: 200 * ms, Served: true, Names: []blame.Count{{Name: "EVAL", N: 1}}}}, nil},
		{"twice by the same", []blame.Hold{eval(0, 50), eval(100, 200)}, []blame.Wait{get(0, 50), get(100, 200)}, []report.Blame{
			blamed(byEval, 2, 150, 100, victims(2, 50, 100)),
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var l blame.Ledger
			for _, h := range test.holds {
				l.Hold(h)
			}
			for _, w := range test.waits {
				l.Wait(w)
			}
			early := l.Clone()
			l.Settle(1000*ms, wall)
			ignore := cmpopts.IgnoreFields(report.Blame{}, "LastAt")
			if diff := cmp.Diff(test.want, l.Blames(), ignore, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(report.Victim{}, "SumNS")); diff != "" {
				t.Errorf("blames (-want +got):\n%s", diff)
			}
			if n := len(early.Blames()); n != 0 {
				t.Errorf("a copy from before has %d blames", n)
			}
		})
	}
}

func victims(n, from, to uint64) report.Victim {
	return report.Victim{Name: "GET", Count: n, MinNS: from * ms, MaxNS: to * ms}
}

func blamed(b report.Blame, times, held, longest uint64, v report.Victim) report.Blame {
	b.Times, b.HeldNS, b.HeldMaxNS = times, held*ms, longest*ms
	b.Waited, b.WaitNS = v.Count, v.MaxNS
	if v.Count == 2 {
		b.WaitNS += v.MinNS
	}
	b.Victims = []report.Victim{v}
	return b
}

// TestSettleWaits checks that a wait is not charged before its time: the hold that
// explains it may come later.
func TestSettleWaits(t *testing.T) {
	var l blame.Ledger
	l.Wait(get(100, 200))
	l.Settle(150*ms, wall)
	l.Hold(eval(100, 199))
	l.Settle(300*ms, wall)
	got := l.Blames()
	if len(got) != 1 || got[0].By != "EVAL" || !got[0].LastAt.Equal(wall(199*ms)) {
		t.Errorf("blames %+v, want EVAL's, which let go at 199 ms", got)
	}
}
