package propagate

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Blocked describes a task that kept an event loop from its other tasks.
type Blocked struct {
	// Span is the one the task was in when it was caught, if it is known from
	// the goroutine's labels, else the one it was submitted under. It is
	// invalid if there is neither.
	Span oteltrace.SpanContext
	// Running is how long the task had been running when it was caught.
	Running time.Duration
	// Stack is where it was caught, a frame a line, innermost first. It is
	// empty if the task moved on too quickly, or when the loop's last stack
	// was taken less than a second ago: taking one costs a look at all
	// goroutines.
	Stack string
}

const (
	keepBlocked   = 16
	stackInterval = time.Second
)

// watch observes the running task of a loop.
type watch struct {
	task  atomic.Pointer[watched]
	count atomic.Uint64
	mu    sync.Mutex
	last  []Blocked // the latest, at most keepBlocked
}

type watched struct {
	since    time.Duration
	ref      Ref
	reported bool // the watcher's only
}

func (w *watch) begin(t time.Duration, r Ref) { w.task.Store(&watched{since: t, ref: r}) }

func (w *watch) end() { w.task.Store(nil) }

// Blocked returns the latest tasks that blocked the loop, 16 at most, oldest
// first.
func (l *Loop) Blocked() []Blocked {
	l.watch.mu.Lock()
	defer l.watch.mu.Unlock()
	return append([]Blocked(nil), l.watch.last...)
}

// watchOver starts the watcher; stop ends it and waits for it.
func (l *Loop) watchOver() (stop func()) {
	limit := l.cfg.BlockedAfter
	if limit < 0 {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	Background(func() {
		go func() {
			defer close(ended)
			tick := time.NewTicker(max(limit/4, time.Millisecond))
			defer tick.Stop()
			var lastStack time.Duration
			for {
				select {
				case <-quit:
					return
				case <-tick.C:
					l.look(limit, &lastStack)
				}
			}
		}()
	})
	return func() {
		close(quit)
		<-ended
	}
}

// look reports the running task if it has run for longer than limit.
func (l *Loop) look(limit time.Duration, lastStack *time.Duration) {
	t := l.watch.task.Load()
	if t == nil || t.reported || now()-t.since < limit {
		return
	}
	t.reported = true
	b := Blocked{Span: t.ref.SpanContext()}
	if *lastStack == 0 || now()-*lastStack >= stackInterval {
		*lastStack = now()
		// A task that moved on leaves a stack that is perhaps another's.
		if stack, span := caught(l.label); l.watch.task.Load() == t {
			b.Stack = stack
			if span.IsValid() {
				b.Span = span
			}
		}
	}
	b.Running = now() - t.since
	l.watch.count.Add(1)
	l.watch.mu.Lock()
	if len(l.watch.last) == keepBlocked {
		l.watch.last = append(l.watch.last[:0], l.watch.last[1:]...)
	}
	l.watch.last = append(l.watch.last, b)
	l.watch.mu.Unlock()
	if l.cfg.OnBlocked != nil {
		defer func() { _ = recover() }() // the watcher outlives a user's panic
		l.cfg.OnBlocked(b)
	}
}

// loopLabelKey labels the goroutine of a loop, and those its tasks start.
const loopLabelKey = "clew_loop"

func loopLabel(name string, n uint64) string { return fmt.Sprintf("%s#%d", name, n) }

// withLabel runs f with a label more on the goroutine, in place of a context
// it may carry, and gives it a ctx that has the labels.
func withLabel(ctx context.Context, key, value string, f func(context.Context)) {
	back := Ref{ambientCell()}
	pprof.Do(&detachedCtx{ctx, back}, pprof.Labels(key, value), f)
	if back.c != nil {
		back.Enter()
	}
}

// relabelled returns ctx with the loop's label where the goroutine is going to
// be labelled by way of a context; where it carries labels by itself, ctx.
func relabelled(ctx, labels context.Context) context.Context {
	if ambient {
		return ctx
	}
	v, _ := pprof.Label(labels, loopLabelKey)
	return pprof.WithLabels(ctx, pprof.Labels(loopLabelKey, v))
}

// caught finds the goroutine of the loop with this label in a goroutine
// profile, which unlike [runtime.Stack] of all goroutines hardly stops them,
// and returns where it is and in which span.
func caught(label string) (stack string, span oteltrace.SpanContext) {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return "", span
	}
	want := fmt.Sprintf("%q:%q", loopLabelKey, label)
	for block := range strings.SplitSeq(profile.String(), "\n\n") {
		head, frames, ok := strings.Cut(block, "\n#\t")
		if ok && strings.Contains(head, want) && strings.Contains(frames, "propagate.(*Loop).run") {
			return framesOf(frames), spanOf(head)
		}
	}
	return "", span
}

// spanOf reads the labels of a goroutine in a profile, {"key":"value", …}.
func spanOf(labels string) oteltrace.SpanContext {
	value := func(key string) string {
		_, rest, _ := strings.Cut(labels, strconv.Quote(key)+":\"")
		v, _, _ := strings.Cut(rest, "\"")
		return v
	}
	trace, err1 := oteltrace.TraceIDFromHex(value("trace_id"))
	span, err2 := oteltrace.SpanIDFromHex(value("span_id"))
	if err1 != nil || err2 != nil {
		return oteltrace.SpanContext{}
	}
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: trace, SpanID: span, TraceFlags: oteltrace.FlagsSampled})
}

// framesOf turns the lines "0xPC function+0xOFFSET file:line" of a profile
// into "function (file:line)", up to where the loop called the task.
func framesOf(lines string) string {
	var out strings.Builder
	for line := range strings.SplitSeq(lines, "\n") {
		f := strings.Fields(strings.TrimPrefix(line, "#"))
		if len(f) < 3 {
			continue
		}
		function := f[1]
		if i := strings.LastIndex(function, "+0x"); i >= 0 {
			function = function[:i]
		}
		if strings.HasSuffix(function, "propagate.runUnder") {
			break
		}
		fmt.Fprintf(&out, "%s (%s)\n", function, strings.Join(f[2:], " "))
	}
	return out.String()
}

// goroutineID returns the running goroutine's number, by the only way there is
// without knowing the runtime's insides. It takes about a microsecond.
func goroutineID() int64 {
	var buf [64]byte
	n := runtime.Stack(buf[:], false)
	f := strings.Fields(string(buf[:n]))
	if len(f) < 2 {
		return -1
	}
	id, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return -1
	}
	return id
}
