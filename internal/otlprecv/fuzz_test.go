package otlprecv

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

// FuzzDecode feeds both decoders. Whatever passes must be fit for a sink.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(jsonRequest), true)
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"","spanId":"-_","links":[{"traceId":"AA=="}]}]}]}]}`), true)
	f.Add([]byte(`{"resourceSpans":[null]}`), true)
	b, err := proto.Marshal(request("a", "!b"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, false)
	f.Add([]byte("\x0a\x02\x12\x00\x0a\x00"), false)
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		c := protobufCodec
		if isJSON {
			c = jsonCodec
		}
		var req coltracepb.ExportTraceServiceRequest
		if err := c.unmarshal(body, &req); err != nil {
			return
		}
		before := 0
		for range spans(req.ResourceSpans) {
			before++
		}
		dropped, reason := dropUnfit(req.ResourceSpans)
		if (dropped == 0) != (reason == "") {
			t.Errorf("%d spans dropped, reason %q", dropped, reason)
		}
		after := 0
		for s := range spans(req.ResourceSpans) {
			after++
			if why := wrongID(s); why != "" {
				t.Errorf("a span went on to the sink: %s", why)
			}
		}
		if before != after+int(dropped) {
			t.Errorf("%d spans came, %d went on, %d were dropped", before, after, dropped)
		}
	})
}

// FuzzHexID checks that an id written in hex arrives as its bytes, and that
// nothing else of an id's length does.
func FuzzHexID(f *testing.F) {
	f.Add("5B8EFFF798038103D269B633813FC60C")
	f.Add("++//++//++//++//++//++//++//++//")
	f.Add("eee19b7ec3c1b174")
	f.Add("5B8EFFF798038103\nD269B633813FC60C")
	f.Add("")
	f.Fuzz(func(t *testing.T, id string) {
		quoted, err := json.Marshal(id)
		if err != nil {
			t.Fatal(err)
		}
		var req coltracepb.ExportTraceServiceRequest
		body := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":` + string(quoted) + `}]}]}]}`
		decodeErr := jsonCodec.unmarshal([]byte(body), &req)
		// protojson skips line breaks inside of base64, and so do we inside of hex.
		want, err := hex.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(id))
		if wellFormed := err == nil && len(want) == 16; wellFormed {
			if decodeErr != nil || string(req.ResourceSpans[0].ScopeSpans[0].Spans[0].TraceId) != string(want) {
				t.Errorf("id %q arrives as %v, %v", id, &req, decodeErr)
			}
			return
		}
		if decodeErr == nil && len(req.ResourceSpans[0].ScopeSpans[0].Spans[0].TraceId) == 16 {
			t.Errorf("%q passes for an id", id)
		}
	})
}
