package propagate

import (
	"context"
	"runtime/pprof"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// sink keeps results alive.
var sink Ref

func BenchmarkCurrent(b *testing.B) {
	needAmbient(b)
	b.ReportAllocs()
	defer newRef().Enter().Leave()
	for b.Loop() {
		sink = Current()
	}
}

// BenchmarkCurrentMerged reads the context inside a user's pprof.Do.
func BenchmarkCurrentMerged(b *testing.B) {
	needAmbient(b)
	b.ReportAllocs()
	pprof.Do(NewContext(bg, newRef()), pprof.Labels("a", "1", "b", "2", "z", "3"), func(context.Context) {
		for b.Loop() {
			sink = Current()
		}
	})
}

func BenchmarkEnterLeave(b *testing.B) {
	needAmbient(b)
	b.ReportAllocs()
	r := newRef()
	defer newRef().Enter().Leave()
	for b.Loop() {
		r.Enter().Leave()
	}
}

// BenchmarkEnterLeaveMerged enters on a goroutine that has labels of a user's.
func BenchmarkEnterLeaveMerged(b *testing.B) {
	needAmbient(b)
	b.ReportAllocs()
	r := newRef()
	pprof.Do(bg, pprof.Labels("a", "1", "z", "2"), func(context.Context) {
		for b.Loop() {
			r.Enter().Leave()
		}
	})
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	span := sampled()
	for b.Loop() {
		sink = New(span, Ref{})
	}
}

func BenchmarkNewEnterLeaveEnd(b *testing.B) {
	b.ReportAllocs()
	span, outer := sampled(), newRef()
	defer outer.Enter().Leave()
	for b.Loop() {
		r := New(span, outer)
		s := r.Enter()
		r.End()
		s.Leave()
	}
}

var sinkCtx context.Context

func BenchmarkNewContext(b *testing.B) {
	b.ReportAllocs()
	r := newRef()
	for b.Loop() {
		sinkCtx = NewContext(bg, r)
	}
}

func BenchmarkFromContext(b *testing.B) {
	r := newRef()
	type key struct{}
	deep := NewContext(bg, r)
	for range 10 {
		deep = context.WithValue(deep, key{}, 1)
	}
	for _, bench := range []struct {
		name string
		ctx  context.Context
	}{
		{"near", NewContext(bg, r)},
		{"10 deep", deep},
		{"none", bg},
		{"foreign", oteltrace.ContextWithSpan(bg, sampled())},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sink = FromContext(bench.ctx)
			}
		})
	}
}

// BenchmarkSpawn compares starting a goroutine and waiting for it: a plain go
// statement handing over a ctx, the same with the context inherited, and Go.
func BenchmarkSpawn(b *testing.B) {
	done := make(chan struct{})
	f := func(context.Context) { done <- struct{}{} }
	ctx := NewContext(bg, newRef())
	b.Run("go statement, ctx", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			go f(ctx)
			<-done
		}
	})
	b.Run("go statement, inherited", func(b *testing.B) {
		b.ReportAllocs()
		defer EnterContext(ctx).Leave()
		for b.Loop() {
			go f(ctx)
			<-done
		}
	})
	b.Run("Go", func(b *testing.B) {
		b.ReportAllocs()
		defer EnterContext(ctx).Leave()
		for b.Loop() {
			Go(ctx, f)
			<-done
		}
	})
	b.Run("Go, other context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Go(ctx, f)
			<-done
		}
	})
}

// BenchmarkBind makes a bound function and runs it.
func BenchmarkBind(b *testing.B) {
	b.ReportAllocs()
	defer newRef().Enter().Leave()
	var n int
	f := func() { n++ }
	for b.Loop() {
		sinkFunc = Bind(f)
		sinkFunc()
	}
}

var sinkFunc func()
