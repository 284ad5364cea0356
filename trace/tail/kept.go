package tail

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// ReasonKey is the attribute of a local root that was kept: "error" or "slow". Who counts requests by
// their spans leaves these out, for they are not the sampler's share.
const ReasonKey = attribute.Key("clew.tail.reason")

// kept is a span as those behind see it: sampled.
type kept struct {
	sdktrace.ReadOnlySpan
	why string // of a root
}

// SpanContext implements [sdktrace.ReadOnlySpan].
func (k kept) SpanContext() oteltrace.SpanContext {
	sc := k.ReadOnlySpan.SpanContext()
	return sc.WithTraceFlags(sc.TraceFlags() | oteltrace.FlagsSampled)
}

// Attributes implements [sdktrace.ReadOnlySpan].
func (k kept) Attributes() []attribute.KeyValue {
	a := k.ReadOnlySpan.Attributes()
	if k.why == "" {
		return a
	}
	return append(slices.Clip(a), ReasonKey.String(k.why))
}
