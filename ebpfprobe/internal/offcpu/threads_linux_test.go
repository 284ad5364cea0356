//go:build amd64 || arm64

package offcpu

import (
	"math"
	"testing"
	"time"

	"github.com/clewhq/clew/ebpfprobe/report"
)

func threads(t *testing.T, tr *Tracer, place int) (*report.OffCPU, map[string]report.Durations) {
	t.Helper()
	off, err := tr.Threads(place)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]report.Durations{}
	for _, r := range off.Reasons {
		reasons[r.Name] = r.Time
	}
	return off, reasons
}

// TestBlocked has a program sleep so many times, and wait for events meanwhile,
// which is nobody's loss.
func TestBlocked(t *testing.T) {
	tr := open(t, Config{})
	w := start(t)
	if err := tr.Watch(w.cmd.Process.Pid, 1); err != nil {
		t.Fatal(err)
	}
	w.order(t, "sleep")
	w.done(t)
	_, reasons := threads(t, tr, 1)
	sleep := reasons["clock_nanosleep"]
	// A signal of the runtime's own may cut one short.
	if sleep.Count < sleeps || sleep.Count > 2*sleeps || sleep.Max < slept || sleep.Sum < sleeps/2*slept {
		t.Errorf("%d sleeps of %v took %v, the longest %v", sleep.Count, time.Duration(slept), time.Duration(sleep.Sum), time.Duration(sleep.Max))
	}
	for name := range reasons {
		switch name {
		case "epoll_pwait", "epoll_wait", "poll", "ppoll", "select", "pselect6":
			t.Errorf("waiting for events is among the reasons: %v", reasons)
		}
	}
	if other, _ := threads(t, tr, 0); other.RunQueue.Count != 0 || len(other.Reasons) != 0 {
		t.Errorf("nobody's place has %+v", other)
	}
	w.end(t)
}

// TestRunQueue has two programs compete for one CPU, and compares how long one of
// them waited for it with what the scheduler says.
func TestRunQueue(t *testing.T) {
	tr := open(t, Config{})
	w, rival := start(t), start(t)
	pid := w.cmd.Process.Pid
	w.order(t, "sleep")
	w.done(t)
	if err := tr.Watch(pid, 1); err != nil {
		t.Fatal(err)
	}
	before := waited(t, pid)
	w.order(t, "compute")
	rival.order(t, "compute")
	w.done(t)
	rival.done(t)
	truth := float64(waited(t, pid) - before)
	var s bpfServer
	if err := tr.coll.Maps[bpfMapServers].Lookup(uint32(1), &s); err != nil {
		t.Fatal(err)
	}
	got := float64(s.RunQueue)
	t.Logf("waited %v for a CPU, %v by the scheduler", time.Duration(got), time.Duration(truth))
	if truth < 50e6 || math.Abs(got-truth) > truth/5 {
		t.Errorf("waited %v for a CPU, %v by the scheduler", time.Duration(got), time.Duration(truth))
	}
	if off, _ := threads(t, tr, 1); off.RunQueue.Sum < s.RunQueue || s.Blocked < sleeps/2*slept {
		t.Errorf("%v in the queue, %v of it the main thread's, which slept %v",
			time.Duration(off.RunQueue.Sum), time.Duration(s.RunQueue), time.Duration(s.Blocked))
	}
	w.end(t)
	rival.end(t)
}
