package otlprecv

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// unhex turns the ids of a message read by protojson into what the sender
// wrote. OTLP/JSON writes trace and span ids as hex digits where protobuf's own
// JSON mapping expects base64, and every hex digit is also a base64 digit: so
// protojson has decoded the digits as base64 without complaint, and encoding
// them again gives back exactly the digits sent (32 and 16 of them fill whole
// base64 groups, so no padding is involved). This way the ids are found by the
// schema: a `traceId` in an attribute's value or in a field we don't know is
// nobody's id and stays as it is.
//
// An id that is no hex is left with a length that [dropUnfit] turns away.
func unhex(rs []*tracepb.ResourceSpans) {
	for s := range spans(rs) {
		s.TraceId = hexBytes(s.TraceId)
		s.SpanId = hexBytes(s.SpanId)
		s.ParentSpanId = hexBytes(s.ParentSpanId)
		for _, l := range s.Links {
			l.TraceId = hexBytes(l.TraceId)
			l.SpanId = hexBytes(l.SpanId)
		}
	}
}

// unfit is an id of a length that no rule accepts.
var unfit = []byte{0}

func hexBytes(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	id, err := hex.AppendDecode(nil, base64.StdEncoding.AppendEncode(nil, b))
	if err != nil {
		return unfit
	}
	return id
}

// spans iterates over every span of a request.
func spans(rs []*tracepb.ResourceSpans) func(yield func(*tracepb.Span) bool) {
	return func(yield func(*tracepb.Span) bool) {
		for _, r := range rs {
			for _, sc := range r.GetScopeSpans() {
				for _, s := range sc.GetSpans() {
					if !yield(s) {
						return
					}
				}
			}
		}
	}
}

// dropUnfit removes, in place, the spans that cannot be filed under their ids,
// and says how many there were and what was wrong with the first one.
func dropUnfit(rs []*tracepb.ResourceSpans) (dropped int64, reason string) {
	for i, r := range rs {
		for j, sc := range r.GetScopeSpans() {
			kept := sc.GetSpans()[:0]
			for k, s := range sc.GetSpans() {
				why := wrongID(s)
				if why == "" {
					kept = append(kept, s)
					continue
				}
				if dropped++; dropped == 1 {
					reason = fmt.Sprintf("resourceSpans[%d].scopeSpans[%d].spans[%d]: %s", i, j, k, why)
				}
			}
			if sc != nil {
				clear(sc.Spans[len(kept):])
				sc.Spans = kept
			}
		}
	}
	return dropped, reason
}

// wrongID says what is wrong with a span's ids, or nothing.
func wrongID(s *tracepb.Span) string {
	switch {
	case len(s.GetTraceId()) != 16:
		return "traceId: want 16 bytes (32 hex digits)"
	case zero(s.TraceId):
		return "traceId: all zero"
	case len(s.SpanId) != 8:
		return "spanId: want 8 bytes (16 hex digits)"
	case zero(s.SpanId):
		return "spanId: all zero"
	case len(s.ParentSpanId) != 0 && len(s.ParentSpanId) != 8:
		return "parentSpanId: want 8 bytes (16 hex digits) or none"
	}
	return ""
}

func zero(id []byte) bool {
	for _, b := range id {
		if b != 0 {
			return false
		}
	}
	return true
}
