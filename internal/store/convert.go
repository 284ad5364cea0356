package store

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// What is kept of one span, whatever its sender put into it. They bound what a
// single span can cost and what a page has to show.
const (
	maxText    = 8 << 10 // bytes of one value
	maxName    = 1 << 10 // bytes of a name or key
	maxAttrs   = 128
	maxEvents  = 128
	maxLinks   = 128
	maxNesting = 16 // of arrays and maps
)

// unknownService is the name the semantic conventions give to a service that
// gave none.
const unknownService = "unknown_service"

func convertResource(attrs []*commonpb.KeyValue) *Resource {
	r := &Resource{Service: unknownService}
	r.Attrs, _ = convertAttrs(attrs)
	for _, a := range r.Attrs {
		if a.Key == "service.name" && a.Value != "" {
			r.Service = text(a.Value, maxName)
		}
	}
	return r
}

func convertSpan(s *tracepb.Span, r *Resource, scope Scope) Span {
	kind := oteltrace.SpanKind(s.GetKind()) // numbered alike
	if kind < oteltrace.SpanKindUnspecified || kind > oteltrace.SpanKindConsumer {
		kind = oteltrace.SpanKindUnspecified
	}
	out := Span{
		TraceID: traceID(s.GetTraceId()), SpanID: spanID(s.GetSpanId()), ParentID: spanID(s.GetParentSpanId()),
		TraceState: text(s.GetTraceState(), maxName), Flags: s.GetFlags(),
		Name: text(s.GetName(), maxName), Service: r.Service, Kind: kind,
		Start: nanos(s.GetStartTimeUnixNano()), End: nanos(s.GetEndTimeUnixNano()),
		StatusText: text(s.GetStatus().GetMessage(), maxText),
		Cut:        int(s.GetDroppedAttributesCount()) + int(s.GetDroppedEventsCount()) + int(s.GetDroppedLinksCount()),
		Resource:   r, Scope: scope,
	}
	if c := s.GetStatus().GetCode(); c == tracepb.Status_STATUS_CODE_OK || c == tracepb.Status_STATUS_CODE_ERROR {
		out.Status = Status(c)
	}
	var cut int
	out.Attrs, cut = convertAttrs(s.GetAttributes())
	out.Cut += cut
	for i, e := range s.GetEvents() {
		if i == maxEvents {
			out.Cut += len(s.GetEvents()) - i
			break
		}
		attrs, cut := convertAttrs(e.GetAttributes())
		out.Cut += cut
		out.Events = append(out.Events, Event{Time: nanos(e.GetTimeUnixNano()), Name: text(e.GetName(), maxName), Attrs: attrs})
	}
	for i, l := range s.GetLinks() {
		if i == maxLinks {
			out.Cut += len(s.GetLinks()) - i
			break
		}
		attrs, cut := convertAttrs(l.GetAttributes())
		out.Cut += cut
		out.Links = append(out.Links, Link{TraceID: traceID(l.GetTraceId()), SpanID: spanID(l.GetSpanId()), Attrs: attrs})
	}
	return out
}

// traceID and spanID answer the zero id for bytes that are none.
func traceID(b []byte) (id oteltrace.TraceID) {
	if len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

func spanID(b []byte) (id oteltrace.SpanID) {
	if len(b) == len(id) {
		copy(id[:], b)
	}
	return id
}

func nanos(t uint64) int64 { return int64(min(t, math.MaxInt64)) }

func convertAttrs(kvs []*commonpb.KeyValue) (attrs []Attr, cut int) {
	if len(kvs) > maxAttrs {
		cut = len(kvs) - maxAttrs
		kvs = kvs[:maxAttrs]
	}
	for _, kv := range kvs {
		a := Attr{Key: text(kv.GetKey(), maxName)}
		a.Value, a.Type, a.Cut = convertValue(kv.GetValue())
		attrs = append(attrs, a)
	}
	return attrs, cut
}

func convertValue(v *commonpb.AnyValue) (value string, typ Type, cut bool) {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return text(v.StringValue, maxText), TypeString, len(v.StringValue) > maxText
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue), TypeBool, false
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10), TypeInt, false
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64), TypeDouble, false
	case *commonpb.AnyValue_BytesValue:
		kept := v.BytesValue[:min(len(v.BytesValue), maxText/4*3)]
		return base64.StdEncoding.EncodeToString(kept), TypeBytes, len(kept) < len(v.BytesValue)
	case *commonpb.AnyValue_ArrayValue:
		value, cut = jsonText(&commonpb.AnyValue{Value: v})
		return value, TypeArray, cut
	case *commonpb.AnyValue_KvlistValue:
		value, cut = jsonText(&commonpb.AnyValue{Value: v})
		return value, TypeMap, cut
	default:
		return "", TypeEmpty, false
	}
}

// text is s as valid UTF-8 of at most limit bytes, more or less; a cut piece
// does not keep the whole alive.
func text(s string, limit int) string {
	if len(s) > limit {
		end := limit
		for end > limit-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = strings.Clone(s[:end])
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
