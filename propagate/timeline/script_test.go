package timeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	xtrace "golang.org/x/exp/trace"

	"github.com/clewhq/clew/propagate/timeline/mark"
)

// script feeds a machine the events of a small play, one a line:
//
//	TIME GOROUTINE VERB [ARGUMENT...]
//
// in milliseconds. Spans have one letter. See the verbs in play.
func script(t *testing.T, text string) *Report {
	t.Helper()
	m := newMachine()
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 {
			play(t, m, f)
		}
	}
	return m.finish()
}

func play(t *testing.T, m *machine, f []string) {
	t.Helper()
	ms, err := strconv.Atoi(f[0])
	if err != nil {
		t.Fatal(err)
	}
	at, g, verb := xtrace.Time(ms)*xtrace.Time(time.Millisecond), gid(t, f[1]), f[2]
	arg := strings.Join(f[3:], " ")
	turn := func(by xtrace.GoID, from, to xtrace.GoState, reason string, waker, stack []string) {
		st := xtrace.MakeGoStateTransition(g, from, to)
		st.Reason, st.Stack = reason, frames(stack)
		send(t, m, xtrace.EventConfig[xtrace.StateTransition]{Time: at, Kind: xtrace.EventStateTransition, Goroutine: by, Stack: frames(waker), Details: st})
	}
	switch verb {
	case "running": // was so when the trace began
		turn(g, xtrace.GoUndetermined, xtrace.GoRunning, "", nil, nil)
	case "parked": // was so when the trace began
		turn(xtrace.NoGoroutine, xtrace.GoUndetermined, xtrace.GoWaiting, "", nil, nil)
	case "run":
		turn(xtrace.NoGoroutine, xtrace.GoRunnable, xtrace.GoRunning, "", nil, nil)
	case "preempt":
		turn(g, xtrace.GoRunning, xtrace.GoRunnable, "preempted", nil, nil)
	case "syscall":
		turn(g, xtrace.GoRunning, xtrace.GoSyscall, "", nil, nil)
	case "return":
		turn(g, xtrace.GoSyscall, xtrace.GoRunning, "", nil, nil)
	case "wait": // REASON [@SITE]
		reason, site, _ := strings.Cut(arg, " @")
		stack := []string{"runtime.park", "main.work" + site}
		turn(g, xtrace.GoRunning, xtrace.GoWaiting, reason, stack, stack)
	case "ready": // [by GOROUTINE FUNC]
		if len(f) == 3 {
			turn(xtrace.NoGoroutine, xtrace.GoWaiting, xtrace.GoRunnable, "", nil, nil)
			return
		}
		turn(gid(t, f[4]), xtrace.GoWaiting, xtrace.GoRunnable, "", []string{f[5], "main.send"}, nil)
	case "go": // CHILD
		parent := g
		g = gid(t, arg)
		turn(parent, xtrace.GoNotExist, xtrace.GoRunnable, "", nil, nil)
	case "exit":
		turn(g, xtrace.GoRunning, xtrace.GoNotExist, "", nil, nil)
	case "region", "endregion":
		kind := xtrace.EventRegionBegin
		if verb == "endregion" {
			kind = xtrace.EventRegionEnd
		}
		send(t, m, xtrace.EventConfig[xtrace.Region]{Time: at, Kind: kind, Goroutine: g, Details: xtrace.Region{Type: arg}})
	default:
		send(t, m, xtrace.EventConfig[xtrace.Log]{Time: at, Kind: xtrace.EventLog, Goroutine: g, Details: xtrace.Log{Category: mark.Category, Message: markText(t, verb, f[3:])}})
	}
}

// markText is the mark of "begin SPAN [PARENT]", "end SPAN" and "carry SPAN".
func markText(t *testing.T, verb string, args []string) string {
	t.Helper()
	id := func(k int) (b [8]byte) {
		if k < len(args) && args[k] != "-" {
			b[7] = args[k][0]
		}
		return b
	}
	k := mark.Mark{Span: id(0), Trace: [16]byte{15: 1}}
	switch verb {
	case "begin":
		k.Kind, k.Parent, k.Name = mark.Begin, id(1), args[0]
	case "end":
		k.Kind = mark.End
	case "carry":
		k.Kind = mark.Carry
	default:
		t.Fatalf("no verb %q", verb)
	}
	return k.Text()
}

func send[T xtrace.EventDetails](t *testing.T, m *machine, c xtrace.EventConfig[T]) {
	t.Helper()
	ev, err := xtrace.MakeEvent(c)
	if err != nil {
		t.Fatal(err)
	}
	m.event(ev)
}

func gid(t *testing.T, name string) xtrace.GoID {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimPrefix(name, "g"))
	if err != nil {
		t.Fatal(err)
	}
	return xtrace.GoID(n)
}

// frames is a stack of these functions, each at an address made of its name.
func frames(names []string) xtrace.Stack {
	if names == nil {
		return xtrace.NoStack
	}
	var fs []xtrace.StackFrame
	for _, n := range names {
		pc := uint64(1)
		for _, c := range n {
			pc = pc*31 + uint64(c)
		}
		fs = append(fs, xtrace.StackFrame{PC: pc, Func: n, File: "main.go", Line: 1})
	}
	return xtrace.MakeStack(fs)
}

// show writes a report in few words, times in milliseconds.
func show(r *Report) string {
	var b strings.Builder
	for _, s := range r.Spans {
		name := s.Name
		if name == "" {
			name = "?"
		}
		fmt.Fprintf(&b, "%s %d-%d%s\n", name, s.Start.Milliseconds(), s.End.Milliseconds(), showSplit(s.Own))
		for _, w := range s.Elsewhere {
			fmt.Fprintf(&b, "  g%d %s %d-%d%s\n", w.Goroutine, w.How, w.From.Milliseconds(), w.To.Milliseconds(), showSplit(w.Split))
		}
	}
	for _, u := range r.Unknown {
		fmt.Fprintf(&b, "unknown g%d %s %d-%d: %s\n", u.Goroutine, u.Region, u.From.Milliseconds(), u.To.Milliseconds(), u.Why)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "warning: %v\n", w)
	}
	return b.String()
}

func showSplit(s Split) string {
	var b strings.Builder
	part := func(name string, d time.Duration) {
		if d != 0 {
			fmt.Fprintf(&b, ", %s %d", name, d.Milliseconds())
		}
	}
	part("running", s.Running)
	part("runnable", s.Runnable)
	part("syscall", s.Syscall)
	for _, reason := range slices.Sorted(slices.Values(s.Reasons())) {
		part(reason, s.Waiting[reason])
	}
	part("suspended", s.Suspended)
	part("unknown", s.Unknown)
	return b.String()
}
