package tail_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace/tail"
)

var bg = context.Background()

// rig is a tail in front of a batch processor, as in a program.
type rig struct {
	*tail.Tail
	oteltrace.Tracer
	exporter *tracetest.InMemoryExporter
}

func newRig(t *testing.T, cfg tail.Config, base sdktrace.Sampler) rig {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	k := tail.New(cfg, sdktrace.NewBatchSpanProcessor(exporter))
	tp := sdktrace.NewTracerProvider(sdktrace.WithSampler(k.Sampler(base)), sdktrace.WithSpanProcessor(k))
	t.Cleanup(func() {
		if err := tp.Shutdown(bg); err != nil {
			t.Error(err)
		}
	})
	return rig{k, tp.Tracer("test"), exporter}
}

// exported are the names of what has arrived so far, sorted, "(error)" or "(slow)" behind a root's.
func (r rig) exported(t *testing.T) (names []string) {
	t.Helper()
	if err := r.ForceFlush(bg); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.exporter.GetSpans() {
		if !s.SpanContext.IsSampled() {
			t.Errorf("%s goes out unsampled", s.Name)
		}
		name := s.Name
		for _, kv := range s.Attributes {
			if kv.Key == tail.ReasonKey {
				name += " (" + kv.Value.AsString() + ")"
			}
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (r rig) want(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.exported(t)); diff != "" {
		t.Errorf("exported (-want +got):\n%s", diff)
	}
}

// request makes a trace of a root, with a route, and two spans below; it took d and ended in status.
func (r rig) request(name string, d time.Duration, status codes.Code) {
	begin := time.Now()
	ctx, root := r.Start(bg, "GET "+name, oteltrace.WithTimestamp(begin), oteltrace.WithAttributes(semconv.HTTPRoute(name)))
	for _, child := range []string{"a", "b"} {
		_, s := r.Start(ctx, name+child)
		s.End()
	}
	root.SetStatus(status, "")
	root.End(oteltrace.WithTimestamp(begin.Add(d)))
}

func TestKeepsWhatMatters(t *testing.T) {
	r := newRig(t, tail.Config{Slow: time.Second, PerRoute: 100}, sdktrace.NeverSample())
	r.request("/fine", time.Millisecond, codes.Ok)
	r.request("/just-below", time.Second-1, codes.Unset)
	r.request("/slow", time.Second, codes.Unset)
	r.request("/failed", time.Millisecond, codes.Error)
	r.want(t, "/faileda", "/failedb", "/slowa", "/slowb", "GET /failed (error)", "GET /slow (slow)")
	if diff := cmp.Diff(tail.Stats{Kept: 2, KeptSpans: 6}, r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}

	r = newRig(t, tail.Config{Slow: time.Second, SkipErrors: true}, sdktrace.NeverSample())
	r.request("/failed", time.Millisecond, codes.Error)
	r.want(t)
}

// TestSampledPassThrough: what the sampler takes is neither held nor marked.
func TestSampledPassThrough(t *testing.T) {
	r := newRig(t, tail.Config{}, sdktrace.AlwaysSample())
	ctx, root := r.Start(bg, "root")
	_, child := r.Start(ctx, "child")
	child.End()
	r.want(t, "child")
	root.SetStatus(codes.Error, "")
	root.End()
	r.want(t, "child", "root")
	if s := r.Stats(); s != (tail.Stats{}) {
		t.Errorf("stats %+v", s)
	}
}

// TestRateOfARoute: each route has its share, the routes do not take it from one another.
func TestRateOfARoute(t *testing.T) {
	r := newRig(t, tail.Config{PerRoute: 0.001}, sdktrace.NeverSample())
	for range 5 {
		r.request("/a", 0, codes.Error)
		r.request("/b", 0, codes.Error)
	}
	r.want(t, "/aa", "/ab", "/ba", "/bb", "GET /a (error)", "GET /b (error)")
	if diff := cmp.Diff(tail.Stats{Kept: 2, KeptSpans: 6, Capped: 8}, r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// TestManyRoutes: an attacker who makes up span names gains one rate for all of them.
func TestManyRoutes(t *testing.T) {
	r := newRig(t, tail.Config{PerRoute: 1e-9}, sdktrace.NeverSample())
	for i := range 1500 {
		r.request(fmt.Sprint("/", i), 0, codes.Error)
	}
	if s := r.Stats(); s.Kept != 1001 || s.Capped != 499 {
		t.Errorf("kept %d, capped %d, want 1001 and 499", s.Kept, s.Capped)
	}
}

// TestLateSpans: what ends after its root follows the decision.
func TestLateSpans(t *testing.T) {
	r := newRig(t, tail.Config{PerRoute: 100}, sdktrace.NeverSample())
	for _, status := range []codes.Code{codes.Error, codes.Ok} {
		ctx, root := r.Start(bg, status.String())
		ctx, late := r.Start(ctx, "late "+status.String())
		root.SetStatus(status, "")
		root.End()
		_, later := r.Start(ctx, "later "+status.String())
		late.End()
		later.End()
	}
	r.want(t, "Error (error)", "late Error", "later Error")
}

// TestTwoRoots: a process that takes part in a trace twice decides when both parts have ended.
func TestTwoRoots(t *testing.T) {
	r := newRig(t, tail.Config{PerRoute: 100}, sdktrace.NeverSample())
	remote := func(span byte) context.Context {
		return oteltrace.ContextWithRemoteSpanContext(bg, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{span}, Remote: true,
		}))
	}
	_, first := r.Start(remote(1), "first")
	_, second := r.Start(remote(2), "second")
	first.SetStatus(codes.Error, "")
	first.End()
	r.want(t)
	second.End()
	r.want(t, "first (error)", "second")
}

func TestBounds(t *testing.T) {
	t.Run("spans", func(t *testing.T) {
		r := newRig(t, tail.Config{MaxSpans: 4}, sdktrace.NeverSample())
		ctx, root := r.Start(bg, "root")
		for i := range 10 {
			_, s := r.Start(ctx, fmt.Sprint(i))
			s.End()
		}
		root.SetStatus(codes.Error, "")
		root.End()
		r.want(t, "0", "1", "2", "root (error)")
		if s := r.Stats(); s.Cut != 7 {
			t.Errorf("%d spans cut, want 7", s.Cut)
		}
	})
	t.Run("traces", func(t *testing.T) {
		r := newRig(t, tail.Config{MaxTraces: 3, PerRoute: 100}, sdktrace.NeverSample())
		var roots []oteltrace.Span
		for i := range 5 {
			_, s := r.Start(bg, fmt.Sprint(i))
			roots = append(roots, s)
		}
		for _, s := range roots {
			s.SetStatus(codes.Error, "")
			s.End()
		}
		r.want(t, "2 (error)", "3 (error)", "4 (error)")
		if s := r.Stats(); s.Evicted != 2 {
			t.Errorf("%d traces evicted, want 2", s.Evicted)
		}
	})
}

// TestShutdownCountsUndecided: requests that are under way are lost, and it shows.
func TestShutdownCountsUndecided(t *testing.T) {
	r := newRig(t, tail.Config{}, sdktrace.NeverSample())
	r.Start(bg, "one")
	r.Start(bg, "two")
	if err := r.Shutdown(bg); err != nil {
		t.Fatal(err)
	}
	if s := r.Stats(); s.Evicted != 2 {
		t.Errorf("%d traces evicted, want 2", s.Evicted)
	}
}

// TestConcurrent: each trace of many at a time is kept whole or not at all.
func TestConcurrent(t *testing.T) {
	r := newRig(t, tail.Config{PerRoute: 1e6}, sdktrace.NeverSample())
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 100 {
				r.request(fmt.Sprintf("/%d-%d", g, i), 0, []codes.Code{codes.Ok, codes.Error}[i%2])
			}
		})
	}
	all.Wait()
	byTrace := map[oteltrace.TraceID]int{}
	r.exported(t)
	for _, s := range r.exporter.GetSpans() {
		byTrace[s.SpanContext.TraceID()]++
	}
	if len(byTrace) != 400 {
		t.Errorf("%d traces kept, want 400", len(byTrace))
	}
	for id, n := range byTrace {
		if n != 3 {
			t.Errorf("trace %s has %d spans, want 3", id, n)
		}
	}
}

func TestCheck(t *testing.T) {
	for want, cfg := range map[string]tail.Config{
		"Slow":            {Slow: -1},
		"PerRoute":        {PerRoute: math.NaN()},
		"MaxSpans":        {MaxSpans: -1},
		"MaxTraces":       {MaxTraces: -1},
		"nothing to keep": {SkipErrors: true},
	} {
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want a word about %s", cfg, err, want)
		}
	}
	if err := (tail.Config{}).Check(); err != nil {
		t.Error(err)
	}
	k := tail.New(tail.Config{}, sdktrace.NewSimpleSpanProcessor(tracetest.NewNoopExporter()))
	if d := k.Sampler(sdktrace.NeverSample()).Description(); d != "Tail{AlwaysOffSampler}" {
		t.Errorf("the sampler calls itself %s", d)
	}
}
