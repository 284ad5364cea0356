package trace_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/otlprecv"
	"github.com/clewhq/clew/internal/peertest"
	"github.com/clewhq/clew/internal/store"
	"github.com/clewhq/clew/trace"
)

// startShop runs the Java service of testdata/javapeer under OpenTelemetry's Java agent, which sends
// its spans to collector, and returns its address. stop waits until it has sent them.
func startShop(t *testing.T, collector string) (base string, stop func()) {
	t.Helper()
	java, agent := peertest.Need(t, "java"), peertest.JavaAgent(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, java, "-Xms32m", "-Xmx160m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-javaagent:"+agent, "testdata/javapeer/Shop.java")
	cmd.Env = append(cmd.Environ(),
		"OTEL_SERVICE_NAME=java-shop", "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none",
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector,
		"OTEL_PROPAGATORS=tracecontext,baggage", "OTEL_TRACES_SAMPLER=parentbased_always_on")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("java: %v\n%s", err, &stderr)
		}
	}
	t.Cleanup(stop)
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("java did not tell its port: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port), stop
}

// TestJavaAgent sends a request through a Java service, through us, and back into the Java service:
// one trace, each span the child of the one before.
func TestJavaAgent(t *testing.T) {
	spans := store.NewMemory(0)
	recv, err := otlprecv.Listen(spans, otlprecv.Options{HTTPAddr: "127.0.0.1:0", GRPCAddr: otlprecv.Off})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recv.Close(context.Background()) })
	java, stop := startShop(t, "http://"+recv.HTTPAddr())

	exp, err := otlptracehttp.New(bg, otlptracehttp.WithEndpoint(recv.HTTPAddr()), otlptracehttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exp))
	t.Cleanup(func() { _ = tp.Shutdown(bg) })
	rt := trace.Transport(nil, trace.WithTracerProvider(tp))
	goes, c := serve(t, trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, java+"/back", nil)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := client(rt).Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(w, resp.Body)
	}), trace.WithTracerProvider(tp)))

	ask := func(traceID, flags string) []string {
		body := get(t, c, java+"/front?"+url.QueryEscape(goes+"/middle"), "traceparent", "00-"+traceID+"-00f067aa0ba902b7-"+flags,
			"tracestate", "vendor=kept", "baggage", "user=alice")
		lines := strings.Split(body, "\n")
		if len(lines) != 4 {
			t.Fatalf("java answered %q", body)
		}
		return lines
	}
	const sampled, unsampled = "4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4737"
	for id, flags := range map[string]string{sampled: "01", unsampled: "00"} {
		got := ask(id, flags)
		if p := got[0]; !strings.HasPrefix(p, "00-"+id+"-") || !strings.HasSuffix(p, "-"+flags) {
			t.Errorf("traceparent at the end of the way: %q, want trace %s and flags %s", p, id, flags)
		}
		if got[1] != "vendor=kept" || got[2] != "user=alice" {
			t.Errorf("tracestate %q, baggage %q at the end of the way", got[1], got[2])
		}
	}
	stop() // so that all has been sent
	id, err := oteltrace.TraceIDFromHex(sampled)
	if err != nil {
		t.Fatal(err)
	}
	one, ok := spans.Trace(id)
	if !ok {
		t.Fatal("the trace has not come")
	}
	wantChain(t, one.Spans, "java-shop server", "java-shop client", "go server", "go client", "java-shop server")
	if other, err := oteltrace.TraceIDFromHex(unsampled); err != nil {
		t.Error(err)
	} else if tr, ok := spans.Trace(other); ok {
		t.Errorf("%d spans of the trace that was not sampled", len(tr.Spans))
	}
}

// wantChain wants spans, in any order, to be one line of parents and children. The parent of the first
// is the test's.
func wantChain(t *testing.T, spans []store.Span, want ...string) {
	t.Helper()
	children := map[oteltrace.SpanID][]store.Span{}
	for _, s := range spans {
		children[s.ParentID] = append(children[s.ParentID], s)
	}
	var got []string
	at := oteltrace.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7}
	for len(children[at]) == 1 {
		s := children[at][0]
		service := s.Service
		if strings.HasPrefix(service, "unknown_service") {
			service = "go"
		}
		got = append(got, fmt.Sprint(service, " ", s.Kind))
		at = s.SpanID
	}
	if len(spans) != len(want) || strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("the chain is %q, of %d spans; want %q", got, len(spans), want)
		for _, s := range spans {
			t.Logf("%s %s %s parent %s", s.Service, s.Kind, s.Name, s.ParentID)
		}
	}
}
