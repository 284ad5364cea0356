package provider

import (
	"context"
	"math"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// exporter sends spans as OpenTelemetry's own exporter does, by its clients, but encodes them itself:
// straight from the SDK's spans to bytes. Theirs builds a tree of messages first, three of them for
// each attribute, which makes up half of what a span costs.
//
// What it sends is UTF-8 throughout, where theirs refuses a batch for one string that is not; and links
// keep their trace state.
type exporter struct {
	client Client

	mu     sync.Mutex // the SDK exports one batch at a time, but does not promise to
	scopes []scopeSpans
	raw    []byte
}

// Client carries batches to a collector; otlptracehttp.NewClient and otlptracegrpc.NewClient make some.
type Client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error
}

// NewExporter returns an exporter for the official SDK that sends by client; package trace/setup uses it.
// The client is started here, and stopped by Shutdown.
func NewExporter(ctx context.Context, client Client) (sdktrace.SpanExporter, error) {
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	return &exporter{client: client}, nil
}

// scopeSpans are the spans of one scope and resource, encoded.
type scopeSpans struct {
	resource *resource.Resource
	scope    instrumentation.Scope
	spans    []byte
}

// ExportSpans implements [sdktrace.SpanExporter].
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range spans {
		e.add(s)
	}
	err := e.client.UploadTraces(ctx, e.messages())
	e.reset()
	return err
}

// Shutdown implements [sdktrace.SpanExporter].
func (e *exporter) Shutdown(ctx context.Context) error { return e.client.Stop(ctx) }

func (e *exporter) add(s sdktrace.ReadOnlySpan) {
	to := e.scopeOf(s.Resource(), s.InstrumentationScope())
	e.raw = appendSpan(e.raw[:0], s)
	to.spans = otlp.AppendBytes(to.spans, otlp.ScopeSpan, e.raw)
}

// scopeOf finds the spans of a scope. Few programs have more than a handful of scopes.
func (e *exporter) scopeOf(r *resource.Resource, scope instrumentation.Scope) *scopeSpans {
	for i := range e.scopes {
		if s := &e.scopes[i]; s.of(r) && s.scope == scope {
			return s
		}
	}
	if n := len(e.scopes); n < cap(e.scopes) {
		e.scopes = e.scopes[:n+1] // with the bytes it had in an earlier batch
	} else {
		e.scopes = append(e.scopes, scopeSpans{})
	}
	s := &e.scopes[len(e.scopes)-1]
	s.resource, s.scope, s.spans = r, scope, s.spans[:0]
	return s
}

// messages returns what has been added as messages whose contents are known to them only as bytes: they
// are marshalled by being copied.
func (e *exporter) messages() []*tracepb.ResourceSpans {
	var out []*tracepb.ResourceSpans
	for i := range e.scopes {
		r := e.scopes[i].resource
		if slices.ContainsFunc(e.scopes[:i], func(s scopeSpans) bool { return s.of(r) }) {
			continue // they are in that one's
		}
		around := otlp.Resource(r)
		b := around.Head
		for _, s := range e.scopes[i:] {
			if s.of(r) {
				inner := otlp.Scope(s.scope)
				n := inner.Len() + len(s.spans)
				b = otlp.AppendLen(slices.Grow(b, n+8), otlp.ScopeSpans, n)
				b = append(append(append(b, inner.Head...), s.spans...), inner.Tail...)
			}
		}
		m := &tracepb.ResourceSpans{}
		m.ProtoReflect().SetUnknown(append(b, around.Tail...))
		out = append(out, m)
	}
	return out
}

func (s scopeSpans) of(r *resource.Resource) bool { return s.resource == r || s.resource.Equal(r) }

// maxKept bounds the memory that is kept from one batch for the next, by scope.
const maxKept = 1 << 20

func (e *exporter) reset() {
	for i := range e.scopes {
		if cap(e.scopes[i].spans) > maxKept {
			e.scopes[i].spans = nil
		}
	}
	if cap(e.raw) > maxKept {
		e.raw = nil
	}
	e.scopes = e.scopes[:0]
}

// appendSpan appends the fields of s. The SDK has cut what is beyond its limits.
func appendSpan(b []byte, s sdktrace.ReadOnlySpan) []byte {
	attributes := s.Attributes()
	for i := range attributes {
		b = otlp.AppendAttribute(b, otlp.SpanAttribute, &attributes[i], -1)
	}
	for _, e := range s.Events() {
		b = otlp.AppendEvent(b, otlp.Event{Name: e.Name, Time: e.Time, Attributes: e.Attributes, Dropped: e.DroppedAttributeCount})
	}
	for _, l := range s.Links() {
		b = otlp.AppendLink(b, oteltrace.Link{SpanContext: l.SpanContext, Attributes: l.Attributes}, l.DroppedAttributeCount)
	}
	status := s.Status()
	return otlp.AppendSpan(b, &otlp.Span{
		Context:           s.SpanContext(),
		Parent:            s.Parent().SpanID(),
		RemoteParent:      s.Parent().IsRemote(),
		Name:              s.Name(),
		Kind:              uint8(s.SpanKind()), //nolint:gosec // of which there are six
		Start:             s.StartTime(),
		Code:              status.Code,
		Description:       status.Description,
		DroppedAttributes: count(s.DroppedAttributes()),
		DroppedEvents:     count(s.DroppedEvents()),
		DroppedLinks:      count(s.DroppedLinks()),
	}, s.EndTime())
}

func count(n int) uint32 { return uint32(min(max(0, n), math.MaxUint32)) }
