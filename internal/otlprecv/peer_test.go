package otlprecv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/otlprecv"
	"github.com/clewhq/clew/internal/peertest"
	"github.com/clewhq/clew/internal/store"
)

// said is what the JS SDK says of a span it made.
type said struct {
	TraceID, SpanID string
	Start, End      string // nanoseconds since 1970
}

// TestJavaScriptSDK receives from a sender that is not ours, the OpenTelemetry
// JS SDK, in each of its protocols, and compares every field it set.
func TestJavaScriptSDK(t *testing.T) {
	node, modules := peertest.Need(t, "node"), peertest.NodeModules(t)
	for _, tt := range []struct{ name, protocol, compression string }{
		{"http/protobuf", "proto", "none"},
		{"http/protobuf gzip", "proto", "gzip"},
		{"http/json", "http", "none"},
		{"http/json gzip", "http", "gzip"},
		{"grpc", "grpc", "none"},
		{"grpc gzip", "grpc", "gzip"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spans := store.NewMemory(0)
			recv, err := otlprecv.Listen(spans, otlprecv.Options{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := recv.Close(context.Background()); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			url := "http://" + recv.HTTPAddr() + "/v1/traces"
			if tt.protocol == "grpc" {
				url = "http://" + recv.GRPCAddr()
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, node, "testdata/jspeer/send.js", tt.protocol, url, tt.compression)
			cmd.Env = append(cmd.Environ(), "NODE_PATH="+modules)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("node: %v\n%s%s", err, out, &stderr)
			}
			var sent struct {
				Parent, Child said
				Event         string
			}
			if err := json.Unmarshal(out, &sent); err != nil {
				t.Fatalf("node said %q: %v", out, err)
			}
			checkSent(t, spans, sent.Parent, sent.Child, sent.Event)
			if st := recv.Stats(); st.Spans != 2 || st.Refused != 0 || st.Rejected != 0 {
				t.Errorf("stats %+v, want 2 spans and nothing refused", st)
			}
		})
	}
}

func checkSent(t *testing.T, spans *store.Memory, parent, child said, event string) {
	t.Helper()
	trace, ok := spans.Trace(idOf(t, parent.TraceID))
	if !ok {
		t.Fatalf("trace %s has not come", parent.TraceID)
	}
	str := func(k, v string) store.Attr { return store.Attr{Key: k, Value: v, Type: store.TypeString} }
	want := map[string]store.Span{
		"GET /cart": {
			TraceID: idOf(t, parent.TraceID), SpanID: spanOf(t, parent.SpanID), Kind: oteltrace.SpanKindServer,
			Start: nanos(t, parent.Start), End: nanos(t, parent.End), Flags: 0x101,
		},
		"SELECT": {
			TraceID: idOf(t, parent.TraceID), SpanID: spanOf(t, child.SpanID), ParentID: spanOf(t, parent.SpanID),
			Kind: oteltrace.SpanKindClient, Start: nanos(t, child.Start), End: nanos(t, child.End), Flags: 0x101,
			Status: store.StatusError, StatusText: "no rows",
			Attrs: []store.Attr{
				str("text", `ü "quoted"`),
				{Key: "whole", Value: "42", Type: store.TypeInt},
				{Key: "part", Value: "0.5", Type: store.TypeDouble},
				{Key: "yes", Value: "true", Type: store.TypeBool},
				{Key: "list", Value: `["a","b"]`, Type: store.TypeArray},
			},
			Events: []store.Event{{Time: nanos(t, event), Name: "retry", Attrs: []store.Attr{{Key: "attempt", Value: "2", Type: store.TypeInt}}}},
			Links:  []store.Link{{TraceID: idOf(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), SpanID: spanOf(t, "bbbbbbbbbbbbbbbb"), Attrs: []store.Attr{str("why", "batch")}}},
		},
	}
	got := map[string]store.Span{}
	for _, s := range trace.Spans {
		got[s.Name] = s
	}
	for name, w := range want {
		w.Name, w.Service, w.Scope = name, "js-shop", store.Scope{Name: "jspeer", Version: "0.1"}
		want[name] = w
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.Span{}, "Resource")); diff != "" {
		t.Errorf("spans received (-want +got):\n%s", diff)
	}
	for name, s := range got {
		for _, attr := range []store.Attr{str("service.name", "js-shop"), str("service.version", "1.0")} {
			if !slices.Contains(s.Resource.Attrs, attr) {
				t.Errorf("%s: its resource %v lacks %v", name, s.Resource.Attrs, attr)
			}
		}
	}
	if !trace.Complete() {
		t.Errorf("the trace is not complete: %+v", trace.Summary)
	}
}

func idOf(t *testing.T, hex string) oteltrace.TraceID {
	t.Helper()
	id, err := oteltrace.TraceIDFromHex(hex)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func spanOf(t *testing.T, hex string) oteltrace.SpanID {
	t.Helper()
	id, err := oteltrace.SpanIDFromHex(hex)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func nanos(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
