package trace

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Series is a set of attributes in the forms that cost tracers and meters least, for a [Door] to whom many
// requests are alike: those to one method, or one topic. It does not change.
type Series struct {
	attributes []attribute.KeyValue
	start      oteltrace.SpanStartOption
	record     []metric.RecordOption
}

// NewSeries returns the Series of kvs: of low cardinality, and nothing that a client chooses freely.
func NewSeries(kvs ...attribute.KeyValue) *Series {
	set := attribute.NewSet(repaired(kvs)...)
	s := &Series{attributes: set.ToSlice()}
	s.start = oteltrace.WithAttributes(s.attributes...)
	s.record = []metric.RecordOption{metric.WithAttributeSet(set)}
	return s
}

// kinds are the options for the kinds of spans.
var kinds = func() (opts [oteltrace.SpanKindConsumer + 1]oteltrace.SpanStartOption) {
	for k := range opts {
		opts[k] = oteltrace.WithSpanKind(oteltrace.SpanKind(k))
	}
	return opts
}()

// asKind returns the option for kind k.
func asKind(k oteltrace.SpanKind) oteltrace.SpanStartOption {
	if k < 0 || int(k) >= len(kinds) {
		return kinds[oteltrace.SpanKindUnspecified]
	}
	return kinds[k]
}
