package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/peertest"
	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/setup"
)

// hop is what the page's API says of a span.
type hop struct {
	SpanID   string `json:"span_id"`
	ParentID string `json:"parent_span_id"`
	Depth    int    `json:"depth"`
	Name     string `json:"name"`
	Service  string `json:"service"`
	Kind     string `json:"kind"`
	Status   string `json:"status"`
}

// TestOneTraceWithJavaScript lets a program that is not ours, instrumented by
// the OpenTelemetry JS SDK, call a Go server behind trace.Handler, whose work
// goes over to another goroutine. Both export to clew view, where all of it must
// be one trace.
func TestOneTraceWithJavaScript(t *testing.T) {
	node, modules := peertest.Need(t, "node"), peertest.NodeModules(t)
	v := startView(t, "127.0.0.1")
	defer v.end(t)

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", v.endpoint)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_SERVICE_NAME", "go-till")
	shutdown, err := setup.Init(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/pay/{id}", func(w http.ResponseWriter, req *http.Request) {
		done := make(chan struct{})
		propagate.Go(req.Context(), func(ctx context.Context) {
			defer close(done)
			_, span := trace.Start(ctx, "book it")
			span.End()
		})
		<-done
		w.WriteHeader(http.StatusAccepted)
	})
	server := httptest.NewServer(trace.Handler(mux))
	defer server.Close()

	sent := callFromJS(t, node, modules, server.URL+"/pay/42", v.endpoint)
	if want := "00-" + sent.TraceID + "-" + sent.SpanID + "-01"; sent.Status != http.StatusAccepted || sent.Traceparent != want {
		t.Fatalf("the JS client sent traceparent %q and got status %d, want %q and 202", sent.Traceparent, sent.Status, want)
	}
	if err := shutdown(t.Context()); err != nil {
		t.Fatalf("shutdown: %v", err)
	}

	var list struct{ Traces []json.RawMessage }
	unmarshal(t, get(t, v.page+"api/v1/traces"), &list)
	if len(list.Traces) != 1 {
		t.Fatalf("%d traces have come, want one: %s", len(list.Traces), list.Traces)
	}
	var got struct {
		Complete bool
		Services []string
		Tree     []hop
	}
	unmarshal(t, get(t, v.page+"api/v1/traces/"+sent.TraceID), &got)
	if len(got.Tree) != 3 {
		t.Fatalf("%d spans, want 3: %+v", len(got.Tree), got.Tree)
	}
	want := []hop{
		{SpanID: sent.SpanID, Depth: 0, Name: "GET", Service: "js-shop", Kind: "client", Status: "unset"},
		{SpanID: got.Tree[1].SpanID, ParentID: sent.SpanID, Depth: 1, Name: "GET /pay/{id}", Service: "go-till", Kind: "server", Status: "unset"},
		{SpanID: got.Tree[2].SpanID, ParentID: got.Tree[1].SpanID, Depth: 2, Name: "book it", Service: "go-till", Kind: "internal", Status: "unset"},
	}
	if diff := cmp.Diff(want, got.Tree); diff != "" {
		t.Errorf("call tree (-want +got):\n%s", diff)
	}
	if !got.Complete || !cmp.Equal(got.Services, []string{"go-till", "js-shop"}) {
		t.Errorf("complete %v, services %v, want one whole trace of both", got.Complete, got.Services)
	}
}

// jsCall is what the JS client says of its call.
type jsCall struct {
	TraceID, SpanID, Traceparent string
	Status                       int
}

func callFromJS(t *testing.T, node, modules, url, endpoint string) (sent jsCall) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "testdata/jspeer/call.js", url)
	cmd.Env = append(cmd.Environ(), "NODE_PATH="+modules, "OTEL_EXPORTER_OTLP_ENDPOINT="+endpoint)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s%s", err, out, &stderr)
	}
	unmarshal(t, string(out), &sent)
	return sent
}

func unmarshal(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}
