package timeline

import (
	"slices"
	"time"

	xtrace "golang.org/x/exp/trace"
)

// tally is the time a goroutine has spent in each state since the trace began.
type tally struct {
	state   [xtrace.GoSyscall + 1]time.Duration // by xtrace.GoState, GoWaiting aside
	waiting []reasonTime
}

type reasonTime struct {
	reason string
	d      time.Duration
}

func (t *tally) add(state xtrace.GoState, reason string, d time.Duration) {
	if state != xtrace.GoWaiting {
		if int(state) >= len(t.state) {
			state = xtrace.GoUndetermined // of a Go to come
		}
		t.state[state] += d
		return
	}
	for i := range t.waiting {
		if t.waiting[i].reason == reason {
			t.waiting[i].d += d
			return
		}
	}
	t.waiting = append(t.waiting, reasonTime{reason, d})
}

func (t tally) clone() tally {
	t.waiting = slices.Clone(t.waiting)
	return t
}

// since is the split of what t has beyond before.
func (t tally) since(before tally) Split {
	s := Split{
		Running:  t.state[xtrace.GoRunning] - before.state[xtrace.GoRunning],
		Runnable: t.state[xtrace.GoRunnable] - before.state[xtrace.GoRunnable],
		Syscall:  t.state[xtrace.GoSyscall] - before.state[xtrace.GoSyscall],
		Unknown:  t.state[xtrace.GoUndetermined] - before.state[xtrace.GoUndetermined],
	}
	for _, w := range t.waiting {
		for _, b := range before.waiting {
			if b.reason == w.reason {
				w.d -= b.d
			}
		}
		if w.d != 0 {
			s.wait(w.reason, w.d)
		}
	}
	return s
}

func (s *Split) wait(reason string, d time.Duration) {
	if s.Waiting == nil {
		s.Waiting = map[string]time.Duration{}
	}
	s.Waiting[reason] += d
}

func (s *Split) plus(o Split) {
	s.Running += o.Running
	s.Runnable += o.Runnable
	s.Syscall += o.Syscall
	s.Suspended += o.Suspended
	s.Unknown += o.Unknown
	for reason, d := range o.Waiting {
		s.wait(reason, d)
	}
}
