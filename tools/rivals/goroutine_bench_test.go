package rivals

import (
	"context"
	"testing"

	"github.com/timandy/routine"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// The benchmarks below do the same thing by each library's own means: read the
// value the goroutine carries, set one and put the old one back, and start a
// goroutine that inherits it and is waited for.

// refSink keeps what was read alive.
var refSink propagate.Ref

func newRef() propagate.Ref {
	return propagate.New(oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(context.Background(),
		oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, TraceFlags: oteltrace.FlagsSampled,
		}))), propagate.Ref{})
}

var inherited = routine.NewInheritableThreadLocal[propagate.Ref]()

// TestSameOutcome holds the benchmarks to what they say they measure: a child
// goroutine of each finds its parent's value.
func TestSameOutcome(t *testing.T) {
	r := newRef()
	got := make(chan propagate.Ref)

	scope := r.Enter()
	propagate.Go(context.Background(), func(context.Context) { got <- propagate.Current() })
	if g := <-got; g != r {
		t.Errorf("propagate: the child has %v", g)
	}
	scope.Leave()

	inherited.Set(r)
	defer inherited.Remove()
	routine.Go(func() { got <- inherited.Get() })
	if g := <-got; g != r {
		t.Errorf("routine: the child has %v", g)
	}
}

func BenchmarkRead(b *testing.B) {
	r := newRef()
	b.Run("lib=propagate", func(b *testing.B) {
		b.ReportAllocs()
		defer r.Enter().Leave()
		for b.Loop() {
			refSink = propagate.Current()
		}
	})
	b.Run("lib=routine", func(b *testing.B) {
		b.ReportAllocs()
		inherited.Set(r)
		defer inherited.Remove()
		for b.Loop() {
			refSink = inherited.Get()
		}
	})
}

func BenchmarkSetAndRestore(b *testing.B) {
	r := newRef()
	b.Run("lib=propagate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Enter().Leave()
		}
	})
	b.Run("lib=routine", func(b *testing.B) {
		b.ReportAllocs()
		defer inherited.Remove()
		for b.Loop() {
			old := inherited.Get()
			inherited.Set(r)
			inherited.Set(old)
		}
	})
}

func BenchmarkSpawn(b *testing.B) {
	r, ctx := newRef(), context.Background()
	done := make(chan struct{})
	child := func(context.Context) { done <- struct{}{} }
	b.Run("lib=plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			go child(ctx)
			<-done
		}
	})
	b.Run("lib=propagate", func(b *testing.B) {
		b.ReportAllocs()
		defer r.Enter().Leave()
		for b.Loop() {
			propagate.Go(ctx, child)
			<-done
		}
	})
	b.Run("lib=routine", func(b *testing.B) {
		b.ReportAllocs()
		inherited.Set(r)
		defer inherited.Remove()
		for b.Loop() {
			routine.Go(func() { child(ctx) })
			<-done
		}
	})
}
