package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/slogtest"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace"
)

// logged returns the one JSON line that f logs, without its time.
func logged(t *testing.T, f func(*slog.Logger)) map[string]any {
	t.Helper()
	var out bytes.Buffer
	f(slog.New(trace.LogHandler(slog.NewJSONHandler(&out, nil))))
	var m map[string]any
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	delete(m, "time")
	return m
}

func TestLogHandler(t *testing.T) {
	for name, sampler := range map[string]sdktrace.Sampler{"sampled": sdktrace.AlwaysSample(), "not sampled": sdktrace.NeverSample()} {
		t.Run(name, func(t *testing.T) {
			global(t, sdktrace.WithSampler(sampler))
			ctx, s := trace.Start(bg, "a")
			got := logged(t, func(l *slog.Logger) { l.With("k", 1).InfoContext(ctx, "hello", "n", 2) })
			s.End()
			want := map[string]any{
				"level": "INFO", "msg": "hello", "k": 1.0, "n": 2.0,
				"trace_id": s.SpanContext().TraceID().String(), "span_id": s.SpanContext().SpanID().String(),
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestLogHandlerKeepsIDsOutOfGroups(t *testing.T) {
	global(t)
	ctx, s := trace.Start(bg, "a")
	defer s.End()
	got := logged(t, func(l *slog.Logger) {
		l.With("k", 1).WithGroup("g").With("i", 2).WithGroup("h").WithGroup("").With().InfoContext(ctx, "hello", "n", 3)
	})
	want := map[string]any{
		"level": "INFO", "msg": "hello", "k": 1.0, "g": map[string]any{"i": 2.0, "h": map[string]any{"n": 3.0}},
		"trace_id": s.SpanContext().TraceID().String(), "span_id": s.SpanContext().SpanID().String(),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestLogHandlerFindsTheGoroutinesSpan(t *testing.T) {
	needAmbient(t)
	global(t)
	_, s := trace.Start(bg, "a")
	elsewhere(func() {
		if got := logged(t, func(l *slog.Logger) { l.Info("hello") })["span_id"]; got != s.SpanContext().SpanID().String() {
			t.Errorf("span_id %v", got)
		}
	})
	s.End()
	if got, ok := logged(t, func(l *slog.Logger) { l.Info("hello") })["span_id"]; ok {
		t.Errorf("span_id %v outside of any span", got)
	}
}

// Two loggers made from one do not write into each other's groups.
func TestLogHandlersShareNothing(t *testing.T) {
	global(t)
	ctx, s := trace.Start(bg, "a")
	defer s.End()
	got := logged(t, func(l *slog.Logger) {
		base := l.WithGroup("g")
		one := base.With("one", 1)
		_ = base.With("two", 2)
		one.InfoContext(ctx, "hello")
	})
	if d := cmp.Diff(map[string]any{"one": 1.0}, got["g"]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The contract of handlers holds, inside of a span as outside.
func TestLogHandlerIsAHandler(t *testing.T) {
	global(t)
	for name, inSpan := range map[string]bool{"in a span": true, "outside": false} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			h := trace.LogHandler(slog.NewJSONHandler(&out, nil))
			if inSpan {
				h = inSpanHandler{h}
			}
			if err := slogtest.TestHandler(h, func() []map[string]any {
				var all []map[string]any
				for line := range bytes.Lines(out.Bytes()) {
					var m map[string]any
					if err := json.Unmarshal(line, &m); err != nil {
						t.Fatal(err)
					}
					if _, ok := m["trace_id"]; ok != inSpan {
						t.Errorf("trace_id: %v in %s", ok, line)
					}
					all = append(all, m)
				}
				return all
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// inSpanHandler handles every record within a span of its own.
type inSpanHandler struct{ slog.Handler }

func (h inSpanHandler) Handle(_ context.Context, r slog.Record) error {
	ctx, s := trace.Start(bg, "a")
	defer s.End()
	return h.Handler.Handle(ctx, r)
}

func (h inSpanHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return inSpanHandler{h.Handler.WithAttrs(attrs)}
}

func (h inSpanHandler) WithGroup(name string) slog.Handler {
	return inSpanHandler{h.Handler.WithGroup(name)}
}
