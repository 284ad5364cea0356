package propagate

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// BenchmarkItem sends a value through a buffered channel and receives it:
// plain, and with the context of a span that is not sampled, and of one that
// is, whose time in the queue is taken.
func BenchmarkItem(b *testing.B) {
	b.Run("plain channel", func(b *testing.B) {
		b.ReportAllocs()
		ch := make(chan int, 1)
		n := 0
		for b.Loop() {
			ch <- 1
			n += <-ch
		}
		sinkInt = n
	})
	for _, bench := range []struct {
		name  string
		flags oteltrace.TraceFlags
	}{{"Item, unsampled", 0}, {"Item, sampled", oteltrace.FlagsSampled}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			defer New(newSpan(bench.flags), Ref{}).Enter().Leave()
			ch := make(chan Item[int], 1)
			n := 0
			for b.Loop() {
				Send(ch, 1)
				n += (<-ch).V
			}
			sinkInt = n
		})
	}
	b.Run("Item, unsampled, entered", func(b *testing.B) {
		b.ReportAllocs()
		defer New(newSpan(0), Ref{}).Enter().Leave()
		ch := make(chan Item[int], 1)
		n := 0
		for b.Loop() {
			Send(ch, 1)
			i := <-ch
			s := i.Enter()
			n += i.V
			s.Leave()
		}
		sinkInt = n
	})
}

var sinkInt int

// BenchmarkResume runs a step of a continuation, and for comparison an
// OpenTelemetry SDK span with attributes of the same kind.
func BenchmarkResume(b *testing.B) {
	sampled := sdktrace.NewTracerProvider(sdktrace.WithBatcher(tracetest.NewNoopExporter()))
	defer func() {
		if err := sampled.Shutdown(bg); err != nil {
			b.Error(err)
		}
	}()
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	operation := func(tp oteltrace.TracerProvider) *Continuation {
		ctx, span := tp.Tracer("bench").Start(bg, "request")
		return Suspend(NewContext(ctx, New(span, Ref{})), "operation")
	}
	b.Run("SDK span", func(b *testing.B) {
		b.ReportAllocs()
		tracer := sampled.Tracer("bench")
		ctx, _ := tracer.Start(bg, "operation")
		for b.Loop() {
			sctx, span := tracer.Start(ctx, "step", oteltrace.WithAttributes(
				attribute.Int64(string(AttrStep), 1), attribute.Float64(string(AttrSuspended), 1), attribute.Float64(string(AttrQueued), 1)))
			sinkCtx = sctx
			span.End()
		}
	})
	for _, bench := range []struct {
		name string
		tp   oteltrace.TracerProvider
	}{{"step, sampled", sampled}, {"step, unsampled", never}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			c := operation(bench.tp)
			for b.Loop() {
				c.Resume("step").End()
			}
			c.Done(nil)
		})
	}
}

// BenchmarkLost counts an event: what a program pays for each mistake.
func BenchmarkLost(b *testing.B) {
	newRef()
	b.Run("sampled kind", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			NoteOrphan()
		}
	})
	b.Run("every event", func(b *testing.B) {
		b.ReportAllocs()
		_, complete := NewFuture[int]()
		complete(1, nil)
		for b.Loop() {
			complete(2, nil)
		}
	})
}

// BenchmarkLoop submits a task and runs it.
func BenchmarkLoop(b *testing.B) {
	for _, bench := range []struct {
		name string
		ctx  context.Context
	}{{"without a context", bg}, {"with one", withRef()}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			l := NewLoop(LoopConfig{})
			done := make(chan error)
			go func() { done <- l.Run(bg) }()
			task := func(context.Context) {}
			for b.Loop() {
				if err := l.Submit(bench.ctx, task); err != nil {
					b.Fatal(err)
				}
			}
			l.Close()
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		})
	}
}
