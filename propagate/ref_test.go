package propagate

import (
	"context"
	"runtime/pprof"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

func TestZeroRef(t *testing.T) {
	var r Ref
	r.End()
	if !r.IsZero() || r.Ended() || r.SpanContext().IsValid() || r.Span() == nil {
		t.Error("the zero Ref is not a Ref to nothing")
	}
	if ctx := NewContext(bg, r); ctx != bg {
		t.Error("NewContext of a zero Ref made a context")
	}
	Scope{}.Leave()
}

func TestRefAfterEnd(t *testing.T) {
	state, err := oteltrace.ParseTraceState("vendor=x")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(oteltrace.SpanContext) oteltrace.SpanContext{
		"plain":       func(sc oteltrace.SpanContext) oteltrace.SpanContext { return sc },
		"unsampled":   func(sc oteltrace.SpanContext) oteltrace.SpanContext { return sc.WithTraceFlags(0) },
		"trace state": func(sc oteltrace.SpanContext) oteltrace.SpanContext { return sc.WithTraceState(state) },
		"remote":      func(sc oteltrace.SpanContext) oteltrace.SpanContext { return sc.WithRemote(true) },
		"invalid":     func(oteltrace.SpanContext) oteltrace.SpanContext { return oteltrace.SpanContext{} },
	} {
		t.Run(name, func(t *testing.T) {
			span := sampled()
			span.sc = change(span.sc)
			r := New(span, Ref{})
			if r.Span() != oteltrace.Span(span) || r.Ended() {
				t.Error("a new Ref does not answer its span")
			}
			r.End()
			r.End()
			if !r.Ended() {
				t.Error("Ended() is false after End()")
			}
			if r.Span() == oteltrace.Span(span) || r.Span().IsRecording() {
				t.Error("an ended Ref still holds its span")
			}
			if got := r.SpanContext(); !got.Equal(span.sc) {
				t.Errorf("SpanContext after End: got %+v, want %+v", got, span.sc)
			}
			if got := r.Span().SpanContext(); !got.Equal(span.sc) {
				t.Errorf("Span().SpanContext after End: got %+v, want %+v", got, span.sc)
			}
		})
	}
}

func TestNoopSpan(t *testing.T) {
	_, span := noop.NewTracerProvider().Tracer("").Start(bg, "x")
	for _, r := range []Ref{New(span, Ref{}), New(nil, Ref{})} {
		if r.IsZero() || r.SpanContext().IsValid() {
			t.Error("a no-op span has no Ref of its own without identity")
		}
	}
}

func TestNewContext(t *testing.T) {
	for _, flags := range []oteltrace.TraceFlags{0, oteltrace.FlagsSampled} {
		span := newSpan(flags)
		r := New(span, Ref{})
		type key struct{}
		ctx := NewContext(context.WithValue(bg, key{}, "v"), r)
		want(t, "FromContext", FromContext(ctx), r)
		if got := oteltrace.SpanFromContext(ctx); got != oteltrace.Span(span) {
			t.Errorf("SpanFromContext: got %v, want the span itself", got)
		}
		if ctx.Value(key{}) != "v" {
			t.Error("a value of the parent context is lost")
		}
		child, cancel := context.WithCancel(ctx)
		want(t, "FromContext of a child", FromContext(child), r)
		cancel()
		r.End()
		want(t, "FromContext of an ended span", FromContext(ctx), r)
		if got := oteltrace.SpanContextFromContext(ctx); !got.Equal(span.sc) {
			t.Errorf("SpanContextFromContext after End: got %v, want %v", got, span.sc)
		}
	}
	//nolint:staticcheck // a nil context is the misuse under test
	if r := newRef(); FromContext(NewContext(nil, r)) != r {
		t.Error("NewContext(nil, r) does not carry r")
	}
}

func TestContextLabels(t *testing.T) {
	r := newRef()
	ctx := NewContext(pprof.WithLabels(bg, pprof.Labels("user", "u", "a", "b", "trace_id", "mine")), r)
	got := map[string]string{}
	last := ""
	pprof.ForLabels(ctx, func(k, v string) bool {
		if k <= last {
			t.Errorf("label %q comes after %q", k, last)
		}
		got[k], last = v, k
		return true
	})
	sc := r.SpanContext()
	for k, v := range map[string]string{"user": "u", "a": "b", "trace_id": sc.TraceID().String(), "span_id": sc.SpanID().String()} {
		if got[k] != v {
			t.Errorf("label %s: got %q, want %q", k, got[k], v)
		}
	}
}

func TestForeignSpanInContext(t *testing.T) {
	ours := newRef()
	span := sampled()
	ctx := oteltrace.ContextWithSpan(NewContext(bg, ours), span)
	r := FromContext(ctx)
	if !r.SpanContext().Equal(span.sc) || r.Span() != oteltrace.Span(span) {
		t.Errorf("the newer span in ctx does not win: got %v", r.SpanContext().SpanID())
	}
	if r.Ended() {
		t.Error("a recording span counts as ended")
	}
	span.End()
	if !r.Ended() {
		t.Error("a span that stopped recording counts as live")
	}
	remote := sampled().sc
	if got := FromContext(oteltrace.ContextWithRemoteSpanContext(bg, remote)); !got.SpanContext().Equal(remote.WithRemote(true)) || got.Ended() {
		t.Errorf("remote parent: got %v", got.SpanContext())
	}
}

// spanWithRef is a span that knows its Ref, as package trace's do.
type spanWithRef struct {
	*testSpan
	ref Ref
}

func (s *spanWithRef) Ref() Ref { return s.ref }

func TestSpanKnowsItsRef(t *testing.T) {
	s := &spanWithRef{testSpan: sampled()}
	s.ref = New(s, Ref{})
	want(t, "FromContext(ContextWithSpan)", FromContext(oteltrace.ContextWithSpan(bg, s)), s.ref)
}

func TestDetach(t *testing.T) {
	r := newRef()
	parent, cancel := context.WithCancel(NewContext(bg, r))
	ctx := Detach(parent)
	cancel()
	if ctx.Err() != nil {
		t.Error("a detached context is cancelled with its parent")
	}
	check := func(what string, ctx context.Context) {
		t.Helper()
		want(t, what+": FromContext", FromContext(ctx), Ref{})
		origin, ok := Detached(ctx)
		want(t, what+": origin", origin, r)
		if !ok {
			t.Errorf("%s: Detached is false", what)
		}
		if oteltrace.SpanFromContext(ctx).SpanContext().IsValid() {
			t.Errorf("%s: OpenTelemetry still finds a span", what)
		}
		if v, ok := pprof.Label(ctx, "trace_id"); ok {
			t.Errorf("%s: still labelled with trace %s", what, v)
		}
	}
	check("once", ctx)
	check("twice", Detach(ctx))

	inner := newRef()
	ctx = NewContext(ctx, inner)
	want(t, "span started under it", FromContext(ctx), inner)
	if _, ok := Detached(ctx); ok {
		t.Error("a span under a detached context still counts as detached")
	}
	if _, ok := Detached(oteltrace.ContextWithSpan(Detach(parent), sampled())); ok {
		t.Error("a foreign span under a detached context still counts as detached")
	}
	if _, ok := Detached(bg); ok {
		t.Error("a plain context counts as detached")
	}
}

func TestOuterFallback(t *testing.T) {
	a := newRef()
	b := New(sampled(), a)
	c := New(sampled(), b)
	for _, step := range []struct {
		end  Ref
		want Ref
	}{{b, a}, {a, Ref{}}} {
		c.End()
		step.end.End()
		want(t, "nearest live outer", Ref{firstLive(c.c)}, step.want)
	}
}

// TestEndedOuterIsNotKept starts a span where the one around it has ended.
func TestEndedOuterIsNotKept(t *testing.T) {
	live := newRef()
	ended := New(sampled(), live)
	ended.End()
	if got := New(sampled(), ended).c.outer.Load(); got != live.c {
		t.Error("a new cell keeps an ended one instead of the live one around it")
	}
	remote := Ref{newForeign(nonRecording(sampled().sc), nil)}
	if got := New(sampled(), remote).c.outer.Load(); got != nil {
		t.Error("a new cell falls back to a span that never tells when it ends")
	}
}

// TestHandOffChain hands over from span to span, each started under the one
// before, which then ends: no chain of ended cells may grow.
func TestHandOffChain(t *testing.T) {
	r := newRef()
	for range 1_000_000 {
		next := New(r.Span(), r)
		r.End()
		r = next
	}
	n := 0
	for c := r.c; c != nil; c = c.outer.Load() {
		n++
	}
	if n > 2 {
		t.Errorf("after a million hand-offs the last cell keeps %d cells, want at most 2", n)
	}
}
