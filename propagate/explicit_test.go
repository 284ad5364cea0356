package propagate

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"testing"
)

// TestExplicitMode runs without what goroutines carry: contexts alone do.
func TestExplicitMode(t *testing.T) {
	switchOff(t)
	if Ambient() {
		t.Fatal("Ambient() is true")
	}
	r := newRef()
	ctx := NewContext(pprof.WithLabels(bg, pprof.Labels("user", "u")), r)
	scope := r.Enter()
	want(t, "Current", Current(), Ref{})
	want(t, "FromContext", FromContext(bg), Ref{})
	want(t, "FromContext with a span", FromContext(ctx), r)
	scope.Leave()

	// dump is the part of the goroutine profile in which the function at
	// stands: other goroutines may be on their way out, labels and all.
	dump := func(at string) string {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			t.Error(err)
		}
		for entry := range strings.SplitSeq(b.String(), "\n\n") {
			if strings.Contains(entry, at) {
				return entry
			}
		}
		return ""
	}
	const here = "propagate.TestExplicitMode+"
	id := r.SpanContext().TraceID().String()
	scope = EnterContext(ctx)
	if got := dump(here); !strings.Contains(got, id) || !strings.Contains(got, `"user":"u"`) {
		t.Error("EnterContext does not label the goroutine")
	}
	inside := make(chan string)
	go func() { inside <- dump("propagate.TestExplicitMode.func") }()
	if got := <-inside; !strings.Contains(got, id) {
		t.Error("a goroutine started inside does not inherit the label")
	}
	scope.Leave()
	if got := dump(here); strings.Contains(got, id) || !strings.Contains(got, `"user":"u"`) {
		t.Error("Leave does not give back the labels of the outer context")
	}
	pprof.SetGoroutineLabels(bg)
	EnterContext(NewContext(bg, New(newSpan(0), Ref{}))).Leave()
	EnterContext(bg).Leave()
	//nolint:staticcheck // a nil context is the misuse under test
	EnterContext(nil).Leave()

	ran := make(chan Ref, 1)
	Go(ctx, func(ctx context.Context) { ran <- FromContext(ctx) })
	want(t, "Go", <-ran, r)
	Bind(func() { ran <- Current() })()
	want(t, "Bind", <-ran, Ref{})
	BindContext(ctx, func(ctx context.Context) { ran <- FromContext(ctx) })()
	want(t, "BindContext", <-ran, r)
	next, stop := Pull(func(yield func(Ref) bool) { yield(Current()) })
	got, _ := next()
	want(t, "Pull", got, Ref{})
	stop()
	if v, ok := pprof.Label(Detach(ctx), "trace_id"); ok {
		t.Errorf("a detached context is still labelled with trace %s", v)
	}
	if v, _ := pprof.Label(Detach(ctx), "user"); v != "u" {
		t.Error("a detached context has lost the user's label")
	}
}
