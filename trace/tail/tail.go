package tail

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace/internal/hold"
)

// Tail is a span processor in front of another. It passes sampled spans on as they come, and holds the
// others until their local root has ended. It is safe for concurrent use.
type Tail struct {
	cfg    Config
	next   sdktrace.SpanProcessor
	traces *hold.Traces[sdktrace.ReadOnlySpan]
}

// Stats counts what has become of traces that were not sampled, since the start.
type Stats struct {
	// Kept counts traces that were kept, KeptSpans the spans of them that were passed on.
	Kept, KeptSpans uint64
	// Capped counts traces worth keeping that the rate of their route kept out.
	Capped uint64
	// Cut counts spans of kept traces that were missing, since a trace may hold only so many.
	Cut uint64
	// Evicted counts traces given up undecided, since only so many may be held at a time.
	Evicted uint64
}

// New returns a Tail that passes on to next what is to be exported, a batch processor as a rule, which
// it flushes and shuts down with itself. It panics if cfg.Check returns an error.
func New(cfg Config, next sdktrace.SpanProcessor) *Tail {
	if err := cfg.Check(); err != nil {
		panic(err)
	}
	cfg = cfg.WithDefaults()
	return &Tail{cfg: cfg, next: next, traces: hold.New[sdktrace.ReadOnlySpan](hold.Config{
		PerRoute: cfg.PerRoute, MaxSpans: cfg.MaxSpans, MaxTraces: cfg.MaxTraces,
	})}
}

// Stats returns what has been counted so far.
func (t *Tail) Stats() Stats { return Stats(t.traces.Stats()) }

// OnStart implements [sdktrace.SpanProcessor].
func (t *Tail) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if s.SpanContext().IsSampled() {
		t.next.OnStart(ctx, s)
	} else if isRoot(s) {
		t.traces.Started(s.SpanContext().TraceID())
	}
}

// OnEnd implements [sdktrace.SpanProcessor].
func (t *Tail) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		t.next.OnEnd(s)
		return
	}
	e := hold.Ended[sdktrace.ReadOnlySpan]{ID: s.SpanContext().TraceID(), Root: isRoot(s)}
	if e.Root {
		e.Why = t.cfg.Reason(s.Status().Code, s.EndTime().Sub(s.StartTime()))
		e.Route = func() string { return routeOf(s) }
	}
	e.Span = kept{s, e.Why}
	for _, s := range t.traces.Ended(e) {
		t.next.OnEnd(s)
	}
}

func routeOf(s sdktrace.ReadOnlySpan) string {
	for _, kv := range s.Attributes() {
		if kv.Key == semconv.HTTPRouteKey {
			return kv.Value.AsString()
		}
	}
	return s.Name()
}

// isRoot reports whether s is where its trace enters this process, or begins.
func isRoot(s sdktrace.ReadOnlySpan) bool {
	p := s.Parent()
	return !p.IsValid() || p.IsRemote()
}

// ForceFlush implements [sdktrace.SpanProcessor]. What is undecided stays so.
func (t *Tail) ForceFlush(ctx context.Context) error { return t.next.ForceFlush(ctx) }

// Shutdown implements [sdktrace.SpanProcessor]. What is undecided is dropped, and counted.
func (t *Tail) Shutdown(ctx context.Context) error {
	t.traces.GiveUp()
	return t.next.Shutdown(ctx)
}
