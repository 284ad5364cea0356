package provider

import (
	"bytes"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace/internal/hold"
	"github.com/clewhq/clew/trace/provider/internal/otlp"
	"github.com/clewhq/clew/trace/tail"
)

// undecided are the traces that the sampler has turned down and the tail may keep.
type undecided struct {
	cfg    tail.Config
	traces *hold.Traces[waiting]
}

// waiting is a span that has ended.
type waiting struct {
	scope   *otlp.Enclosure
	encoded []byte
}

func newUndecided(cfg tail.Config, maxBytes int64) *undecided {
	cfg = cfg.WithDefaults()
	return &undecided{cfg, hold.New[waiting](hold.Config{
		PerRoute: cfg.PerRoute, MaxSpans: cfg.MaxSpans, MaxTraces: cfg.MaxTraces, MaxBytes: maxBytes,
	})}
}

// begin takes note of a span that is not sampled.
func (u *undecided) begin(s *Span) {
	if !s.head.Parent.IsValid() || s.head.RemoteParent {
		s.root = true
		u.traces.Started(s.head.Context.TraceID())
	}
}

// ended takes a span that is encoded in buf, and returns what is to be sent now.
func (u *undecided) ended(s *Span, buf *buffer, end time.Time) []waiting {
	e := hold.Ended[waiting]{ID: s.head.Context.TraceID(), Root: s.root}
	b := buf.b
	otlp.SetSampled(b) // if it is ever sent
	if e.Root {
		e.Why = u.cfg.Reason(s.head.Code, end.Sub(s.head.Start))
		if e.Why != "" {
			e.Route = func() string { return route(s, buf.b) }
			b = otlp.AppendString(b, otlp.SpanAttribute, string(tail.ReasonKey), e.Why, -1)
		}
	}
	e.Span = waiting{&s.tracer.scope, bytes.Clone(b)}
	e.Bytes = len(b)
	return u.traces.Ended(e)
}

func route(s *Span, encoded []byte) string {
	if r, ok := otlp.Text(encoded, string(semconv.HTTPRouteKey)); ok {
		return r
	}
	return s.head.Name
}
