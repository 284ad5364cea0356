//go:build amd64 || arm64

package offcpu

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/internal/peertest"
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

// rounds is how often a test tries whether times agree that the machine may disturb.
const rounds = 10

// TestBlocked has a program sleep so many times, and wait for events meanwhile,
// which is nobody's loss. How many of the sleeps took it off its CPU it knows from
// the kernel.
func TestBlocked(t *testing.T) {
	tr := open(t, Config{})
	w := start(t)
	if err := tr.Watch(w.cmd.Process.Pid, 1); err != nil {
		t.Fatal(err)
	}
	var before report.Durations
	var wrong string
	for range rounds {
		w.order(t, "sleep")
		off := w.done(t)
		_, reasons := threads(t, tr, 1)
		sleep := reasons["clock_nanosleep"]
		n, sum := sleep.Count-before.Count, sleep.Sum-before.Sum
		before = sleep
		wrong = ""
		if n != off || n == 0 || sum < n*slept/2 || sleep.Max < slept {
			wrong = fmt.Sprintf("%d sleeps of %v, of which %d took the thread off its CPU; they took %v, the longest %v",
				n, time.Duration(slept), off, time.Duration(sum), time.Duration(sleep.Max))
		}
		for name := range reasons {
			switch name {
			case "epoll_pwait", "epoll_wait", "poll", "ppoll", "select", "pselect6":
				t.Fatalf("waiting for events is among the reasons: %v", reasons)
			}
		}
		if wrong == "" {
			break
		}
		t.Log(wrong)
	}
	if wrong != "" {
		t.Errorf("in none of %d rounds: the last has %s", rounds, wrong)
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
	w.order(t, "sleep") // so that it is on its CPU
	w.done(t)
	if err := tr.Watch(pid, 1); err != nil {
		t.Fatal(err)
	}
	sums := func() bpfServer {
		var s bpfServer
		if err := tr.coll.Maps[bpfMapServers].Lookup(uint32(1), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	var wrong string
	for range rounds {
		before, sum := waited(t, pid), sums()
		w.order(t, "compute")
		rival.order(t, "compute")
		w.done(t)
		rival.done(t)
		truth, got := float64(waited(t, pid)-before), float64(sums().RunQueue-sum.RunQueue)
		wrong = ""
		if truth < 50e6 || math.Abs(got-truth) > truth/5 {
			wrong = fmt.Sprintf("waited %v for a CPU, %v by the scheduler", time.Duration(got), time.Duration(truth))
			t.Log(wrong)
			continue
		}
		break
	}
	if wrong != "" {
		t.Errorf("in none of %d rounds: the last %s", rounds, wrong)
	}
	s := sums()
	off, reasons := threads(t, tr, 1)
	if off.RunQueue.Sum < s.RunQueue || s.Blocked == 0 || s.Blocked < reasons["clock_nanosleep"].Sum {
		t.Errorf("%v in the queue, %v of it the main thread's, which slept %v, %v of it by order",
			time.Duration(off.RunQueue.Sum), time.Duration(s.RunQueue), time.Duration(s.Blocked), time.Duration(reasons["clock_nanosleep"].Sum))
	}
	w.end(t)
	rival.end(t)
}

// BenchmarkPrice shows what the tier costs at each switch and each waking of threads
// that nobody observes, by the kernel's own clock of programs.
func BenchmarkPrice(b *testing.B) {
	peertest.NeedBPF(b)
	tr, err := Open(Config{})
	if err != nil {
		b.Fatal(err)
	}
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Skipf("the kernel does not measure programs for us: %v", err)
	}
	for b.Loop() {
		for range 1000 {
			ts := unix.NsecToTimespec(1000)
			_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil) // EINTR: the sleep is shorter
		}
	}
	for _, name := range []string{"offcpu_switch", "offcpu_wakeup"} {
		st, err := tr.coll.Programs[name].Stats()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(st.Runtime.Nanoseconds())/float64(st.RunCount), "ns/"+strings.TrimPrefix(name, "offcpu_"))
	}
	if err := errors.Join(stats.Close(), tr.Close()); err != nil {
		b.Error(err)
	}
}
