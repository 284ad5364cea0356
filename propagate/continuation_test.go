package propagate

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// recorder records what spans the SDK ends.
type recorder struct {
	*tracetest.SpanRecorder
	tracer oteltrace.Tracer
}

func newRecorder(opts ...sdktrace.TracerProviderOption) recorder {
	sr := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(sr))...)
	return recorder{sr, tp.Tracer("test")}
}

// request returns a context with a span of the recorder's, and its Ref.
func (r recorder) request() (context.Context, Ref) {
	ctx, span := r.tracer.Start(bg, "request")
	ref := New(span, Ref{})
	return NewContext(ctx, ref), ref
}

// named returns the ended span of that name.
func (r recorder) named(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	var found []sdktrace.ReadOnlySpan
	for _, s := range r.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans called %q have ended, want 1", len(found), name)
	}
	return found[0]
}

// attrs returns a span's attributes by name.
func attrs(s sdktrace.ReadOnlySpan) map[attribute.Key]any {
	m := map[attribute.Key]any{}
	for _, kv := range s.Attributes() {
		m[kv.Key] = kv.Value.AsInterface()
	}
	return m
}

// wantChild fails unless s is a child of parent.
func wantChild(t *testing.T, s sdktrace.ReadOnlySpan, parent oteltrace.SpanContext) {
	t.Helper()
	if s.Parent().SpanID() != parent.SpanID() || s.SpanContext().TraceID() != parent.TraceID() {
		t.Errorf("%s: its parent is %s, want %s", s.Name(), s.Parent().SpanID(), parent.SpanID())
	}
}

func TestContinuationTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder()
		ctx, request := rec.request()
		c := Suspend(ctx, "operation")
		time.Sleep(10 * time.Millisecond) // suspended
		s := c.Resume("first")
		if Ambient() {
			want(t, "current in a step", Current(), s.ref)
		}
		want(t, "a step's context", FromContext(s.Context()), s.ref)
		time.Sleep(3 * time.Millisecond) // running
		s.End()
		want(t, "current after a step", Current(), Ref{})
		time.Sleep(20 * time.Millisecond) // suspended
		c.Ready()
		time.Sleep(5 * time.Millisecond) // queued
		c.Ready()                        // a second report changes nothing
		done := make(chan struct{})
		go func() {
			defer close(done)
			s := c.Resume("second")
			time.Sleep(7 * time.Millisecond)
			c.Done(errors.New("no luck")) // within the step: the operation ends with it
			time.Sleep(time.Millisecond)
			s.End()
		}()
		<-done
		request.Span().End()

		operation, first, second := rec.named(t, "operation"), rec.named(t, "first"), rec.named(t, "second")
		wantChild(t, operation, request.SpanContext())
		wantChild(t, first, operation.SpanContext())
		wantChild(t, second, operation.SpanContext())
		for _, c := range []struct {
			span sdktrace.ReadOnlySpan
			want map[attribute.Key]any
		}{
			{first, map[attribute.Key]any{AttrStep: int64(1), AttrSuspended: 0.010, AttrQueued: 0.0}},
			{second, map[attribute.Key]any{AttrStep: int64(2), AttrSuspended: 0.020, AttrQueued: 0.005}},
			{operation, map[attribute.Key]any{AttrSteps: int64(2), AttrRunning: 0.011, AttrSuspended: 0.030, AttrQueued: 0.005}},
		} {
			if diff := cmp.Diff(c.want, attrs(c.span)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.span.Name(), diff)
			}
		}
		if got := second.EndTime().Sub(second.StartTime()); got != 8*time.Millisecond {
			t.Errorf("the second step ran for %v, want 8ms", got)
		}
		if operation.EndTime().Before(second.EndTime()) {
			t.Error("the operation ended before its last step")
		}
		if operation.Status().Code != codes.Error || operation.Status().Description != "no luck" {
			t.Errorf("status: %+v", operation.Status())
		}
	})
}

// TestContinuationParents suspends under every kind of origin.
func TestContinuationParents(t *testing.T) {
	rec := newRecorder()
	ctx, request := rec.request()
	suspend := func(ctx context.Context, name string) sdktrace.ReadOnlySpan {
		c := Suspend(ctx, name)
		if c.Ref().IsZero() || FromContext(c.Context()) != c.Ref() {
			t.Errorf("%s: its context does not carry it", name)
		}
		c.Done(nil)
		return rec.named(t, name)
	}
	wantChild(t, suspend(ctx, "explicit"), request.SpanContext())
	//nolint:staticcheck // a nil context is the misuse under test
	Suspend(nil, "nil context").Done(nil)

	// Detached work is not recorded by the origin's provider, which is gone for
	// all that is known, so the link is looked at by way of the options.
	opts := oteltrace.NewSpanStartConfig(linkedRoot(request)...)
	if !opts.NewRoot() || len(opts.Links()) != 1 || !opts.Links()[0].SpanContext.Equal(request.SpanContext()) {
		t.Errorf("options for a detached span: %+v", opts)
	}
	detached := suspend(Detach(ctx), "detached")
	if detached.Parent().IsValid() || len(detached.Links()) != 1 || !detached.Links()[0].SpanContext.Equal(request.SpanContext()) {
		t.Errorf("detached: parent %v, links %v", detached.Parent().SpanID(), detached.Links())
	}
	if !Ambient() {
		return
	}
	inner := New(request.Span(), request)
	defer inner.Enter().Leave()
	wantChild(t, suspend(bg, "ambient"), inner.SpanContext())
	inner.End()
	wantChild(t, suspend(bg, "ambient, ended within a live one"), request.SpanContext())
}

// TestContinuationUnsampled wants no spans, and the operation carried all the
// same.
func TestContinuationUnsampled(t *testing.T) {
	for name, rec := range map[string]recorder{
		"never sampled": newRecorder(sdktrace.WithSampler(sdktrace.NeverSample())),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, request := rec.request()
			c := Suspend(ctx, "operation")
			c.Ready()
			s := c.Resume("step")
			if Ambient() {
				want(t, "current", Current(), c.Ref())
			}
			if got := FromContext(s.Context()).SpanContext().TraceID(); got != request.SpanContext().TraceID() {
				t.Errorf("the step is in trace %s, want %s", got, request.SpanContext().TraceID())
			}
			s.End()
			c.Done(nil)
			if len(rec.Ended()) != 0 {
				t.Errorf("%d spans were recorded", len(rec.Ended()))
			}
		})
	}
}

// TestContinuationWithoutSDK works with the API's own no-op tracer, under a
// live span of somebody's: that span must survive the operation.
func TestContinuationWithoutSDK(t *testing.T) {
	r := newRef() // its span has no provider
	c := Suspend(NewContext(bg, r), "operation")
	s := c.Resume("step")
	if got := FromContext(s.Context()).SpanContext().TraceID(); got != r.SpanContext().TraceID() {
		t.Errorf("the step is in trace %s, want %s", got, r.SpanContext().TraceID())
	}
	c.Done(errors.New("x"))
	s.End()
	if r.Ended() {
		t.Error("the operation has ended the span it was started under")
	}
}

func TestContinuationMisuse(t *testing.T) {
	rec := newRecorder()
	ctx, _ := rec.request()
	c := Suspend(ctx, "operation")
	s := c.Resume("1")
	refused := c.Resume("2")
	if !s.Running() || refused.Running() {
		t.Error("a second step runs beside the first")
	}
	if FromContext(refused.Context()) != Current() {
		t.Error("a refused step has a context of its own")
	}
	refused.End()
	s.End()
	s.End()
	if c.Resume("3").End(); !c.Resume("4").Running() {
		t.Error("not resumed after the misuse")
	}
	c.Done(nil) // while step 4 runs, which nobody ends
	if c.Resume("5").Running() {
		t.Error("resumed after Done")
	}
	var names []string
	for _, s := range rec.Ended() {
		names = append(names, s.Name())
	}
	if diff := cmp.Diff([]string{"1", "3"}, names); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

// TestContinuationRace resumes from many goroutines at once: one step runs at a
// time, every refusal says so, and the steps counted are the steps run.
func TestContinuationRace(t *testing.T) {
	rec := newRecorder()
	ctx, _ := rec.request()
	c := Suspend(ctx, "operation")
	var inside, ran atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				s := c.Resume("step")
				if !s.Running() {
					continue
				}
				if inside.Add(1) != 1 {
					t.Error("two steps run at once")
				}
				ran.Add(1)
				inside.Add(-1)
				s.End()
			}
		})
	}
	wg.Wait()
	c.Done(nil)
	if got := attrs(rec.named(t, "operation"))[AttrSteps]; got != ran.Load() {
		t.Errorf("%v steps on the span, %d have run", got, ran.Load())
	}
}

// TestAbandoned loses continuations: their spans end, with an error, and are
// counted.
func TestAbandoned(t *testing.T) {
	rec := newRecorder()
	ctx, _ := rec.request()
	before := counts()[Abandoned]
	Suspend(ctx, "never resumed")
	Suspend(ctx, "resumed once").Resume("step").End()
	func() {
		c := Suspend(ctx, "done")
		c.Resume("its step").End()
		c.Done(nil)
	}()
	waitFor(t, "two operations to be abandoned", func() bool {
		runtime.GC()
		return counts()[Abandoned] == before+2
	})
	for _, name := range []string{"never resumed", "resumed once"} {
		if s := rec.named(t, name); s.Status().Code != codes.Error {
			t.Errorf("%s: status %+v", name, s.Status())
		}
	}
	if s := rec.named(t, "done"); s.Status().Code != codes.Unset {
		t.Errorf("done: status %+v", s.Status())
	}
}

type hostileError struct{}

func (hostileError) Error() string { panic("an error that panics") }

func TestDoneWithHostileError(t *testing.T) {
	rec := newRecorder()
	ctx, _ := rec.request()
	Suspend(ctx, "operation").Done(hostileError{})
	rec.named(t, "operation")
}
