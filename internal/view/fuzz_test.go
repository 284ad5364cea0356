package view

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/internal/store"
)

// FuzzPage shows whatever spans somebody may send. The page must come, be
// valid text, and hold no element that a span's text made.
func FuzzPage(f *testing.F) {
	for _, spans := range [][]*tracepb.Span{
		{{TraceId: []byte("0123456789abcdef"), SpanId: []byte("12345678"), ParentSpanId: []byte("12345678"), Name: "<b>own parent</b>"}},
		{{TraceId: []byte("0123456789abcdef"), SpanId: []byte("12345678"), EndTimeUnixNano: 1 << 63, Kind: 77, Flags: 1 << 31}, {TraceId: []byte("0123456789abcdef"), ParentSpanId: []byte("87654321"), StartTimeUnixNano: 1<<64 - 1}},
		{{TraceId: []byte("0123456789abcdef"), SpanId: []byte("a"), Links: []*tracepb.Span_Link{{}}, Events: []*tracepb.Span_Event{{TimeUnixNano: 1}}, Status: &tracepb.Status{Code: 9, Message: "\x00<script>"}}},
	} {
		b, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var req coltracepb.ExportTraceServiceRequest
		if proto.Unmarshal(b, &req) != nil {
			return
		}
		m := store.NewMemory(100)
		_ = m.Spans(t.Context(), req.ResourceSpans) // a single trace may be too large; the rest is shown
		h := New(Single(m), Options{})
		for tr := range m.All() {
			if !tr.TraceID.IsValid() {
				continue // the receiver lets none through
			}
			target := "/?trace=" + tr.TraceID.String()
			for _, s := range tr.Spans {
				target += "&span=" + s.SpanID.String()
			}
			for _, target := range []string{target, "/api/v1/traces/" + tr.TraceID.String()} {
				w := ask(t, h, target)
				if body := w.Body.String(); w.Code != http.StatusOK || !utf8.ValidString(body) || strings.Contains(strings.ToLower(body), "<script>") {
					t.Errorf("%s: %d\n%s", target, w.Code, body)
				}
			}
		}
	})
}
