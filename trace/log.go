package trace

import (
	"context"
	"log/slog"
	"slices"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// LogHandler returns a handler that adds trace_id and span_id to every record logged within a span,
// sampled or not, and passes it on to next. The names are those OpenTelemetry gives for logs that are
// not sent by its own protocol. The ids stand outside of all groups, where log stores look for them.
//
// The span is the one in the context, so use [slog.InfoContext] and its like; without one there, it
// is the goroutine's, so that [slog.Info] works as well.
//
//	slog.SetDefault(slog.New(trace.LogHandler(slog.NewJSONHandler(os.Stderr, nil))))
func LogHandler(next slog.Handler) slog.Handler {
	return &logHandler{plain: next, outside: next}
}

type logHandler struct {
	plain   slog.Handler                      // with all groups and attributes
	outside slog.Handler                      // before the first group
	inside  []func(slog.Handler) slog.Handler // what leads from outside to plain
}

// Enabled implements [slog.Handler].
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.plain.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	sc := oteltrace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		sc = propagate.Current().SpanContext()
	}
	if !sc.IsValid() {
		return h.plain.Handle(ctx, r)
	}
	ids := []slog.Attr{slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String())}
	if len(h.inside) == 0 {
		r = r.Clone() // the attributes' array may be another copy's, too
		r.AddAttrs(ids...)
		return h.plain.Handle(ctx, r)
	}
	next := h.outside.WithAttrs(ids)
	for _, enter := range h.inside {
		next = enter(next)
	}
	return next.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	if len(h.inside) == 0 {
		return LogHandler(h.plain.WithAttrs(attrs))
	}
	return h.within(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.within(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

func (h *logHandler) within(enter func(slog.Handler) slog.Handler) *logHandler {
	return &logHandler{plain: enter(h.plain), outside: h.outside, inside: append(slices.Clip(h.inside), enter)}
}
