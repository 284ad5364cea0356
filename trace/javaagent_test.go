package trace_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/otlprecv"
	"github.com/clewhq/clew/internal/peertest"
	"github.com/clewhq/clew/internal/store"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/pinpoint"
)

// startShop runs the Java service of testdata/javapeer under an agent until the test ends, and returns
// its address. stop has it end before, in order, so that it has sent its spans.
func startShop(t *testing.T, agent string, properties, env []string) (base string, stop func()) {
	t.Helper()
	java, jar := peertest.Need(t, "java"), peertest.JavaAgent(t, agent)
	ctx, cancel := context.WithTimeout(bg, 4*time.Minute) // t.Context ends before the cleanups
	args := append([]string{"-Xms32m", "-Xmx160m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-javaagent:" + jar}, properties...)
	cmd := exec.CommandContext(ctx, java, append(args, "testdata/javapeer/Shop.java")...)
	cmd.Env = append(cmd.Environ(), env...)
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
	port := make(chan int, 1)
	var reader sync.WaitGroup
	reader.Go(func() {
		for said := bufio.NewScanner(out); said.Scan(); { // Pinpoint's agent has much to say as well
			if n, err := strconv.Atoi(said.Text()); err == nil && len(port) == 0 {
				port <- n
			}
		}
		close(port)
	})
	stopped := false
	stop = func() {
		stopped = true
		_ = in.Close()
		reader.Wait()
		if err := cmd.Wait(); err != nil {
			t.Errorf("java: %v\n%s", err, &stderr)
		}
	}
	t.Cleanup(func() {
		cancel() // Pinpoint's agent would look for its collector first
		if !stopped {
			reader.Wait()
			_ = cmd.Wait()
		}
	})
	n, ok := <-port
	if !ok {
		t.Fatal("java did not tell its port")
	}
	return fmt.Sprint("http://127.0.0.1:", n), stop
}

// between serves requests by calling the Java service's /back, and passes its answer on.
func between(t *testing.T, java string, opts ...trace.Option) (url string, c *http.Client) {
	t.Helper()
	rt := trace.Transport(nil, opts...)
	return serve(t, trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
	}), opts...))
}

// headers reads the lines that the Java service answers with.
func headers(t *testing.T, body string) map[string]string {
	t.Helper()
	h := map[string]string{}
	for line := range strings.Lines(body) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			t.Fatalf("java answered %q", body)
		}
		h[name] = value
	}
	return h
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
	java, stop := startShop(t, "opentelemetry", nil, []string{
		"OTEL_SERVICE_NAME=java-shop", "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none",
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + recv.HTTPAddr(),
		"OTEL_PROPAGATORS=tracecontext,baggage", "OTEL_TRACES_SAMPLER=parentbased_always_on",
	})

	exp, err := otlptracehttp.New(bg, otlptracehttp.WithEndpoint(recv.HTTPAddr()), otlptracehttp.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exp))
	t.Cleanup(func() { _ = tp.Shutdown(bg) })
	goes, c := between(t, java, trace.WithTracerProvider(tp))

	ask := func(traceID, flags string) map[string]string {
		return headers(t, get(t, c, java+"/front?"+url.QueryEscape(goes+"/middle"), "traceparent", "00-"+traceID+"-00f067aa0ba902b7-"+flags,
			"tracestate", "vendor=kept", "baggage", "user=alice"))
	}
	const sampled, unsampled = "4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4737"
	for id, flags := range map[string]string{sampled: "01", unsampled: "00"} {
		got := ask(id, flags)
		if p := got["traceparent"]; !strings.HasPrefix(p, "00-"+id+"-") || !strings.HasSuffix(p, "-"+flags) {
			t.Errorf("traceparent at the end of the way: %q, want trace %s and flags %s", p, id, flags)
		}
		if got["tracestate"] != "vendor=kept" || got["baggage"] != "user=alice" {
			t.Errorf("at the end of the way: %q", got)
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

// TestPinpointAgent sends two requests through a Java service under Pinpoint's agent, which samples one
// of two, then through us and on. The transaction's id is kept, each service names the one before as its
// parent, our span has the id that the agent has decided on, and what is not sampled stays so.
func TestPinpointAgent(t *testing.T) {
	java, _ := startShop(t, "pinpoint", []string{
		"-Dpinpoint.agentId=java-shop-1", "-Dpinpoint.applicationName=java-shop",
		"-Dprofiler.entrypoint=Shop.front", "-Dprofiler.sampling.counting.sampling-rate=2",
	}, nil)
	app := pinpoint.App{Name: "go-gateway"}
	r := record(t, sdktrace.WithIDGenerator(pinpoint.IDGenerator(nil)))
	goes, c := between(t, java, trace.WithTracerProvider(r), trace.WithPropagator(propagation.NewCompositeTextMapPropagator(
		trace.Propagator(), pinpoint.Headers(app), pinpoint.TraceState(app))))
	var came http.Header // what the agent has sent to us
	front, fc := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		came = req.Header.Clone()
		out, err := http.NewRequestWithContext(req.Context(), http.MethodGet, goes, nil)
		if err != nil {
			t.Error(err)
			return
		}
		out.Header = req.Header
		resp, err := c.Do(out)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(w, resp.Body)
	}))
	kinds := map[bool]int{}
	for range 2 {
		r.spans.Reset()
		got := headers(t, get(t, fc, java+"/front?"+url.QueryEscape(front)))
		sampled := came.Get("Pinpoint-Sampled") != "s0"
		kinds[sampled]++
		if !sampled {
			if got["pinpoint-sampled"] != "s0" || got["pinpoint-traceid"] != "" || len(r.spans.Ended()) != 0 {
				t.Errorf("not sampled, but %d spans, and sent on was %q", len(r.spans.Ended()), got)
			}
			continue
		}
		eventually(t, func() bool { return len(r.spans.Ended()) == 2 })
		server := r.spans.Ended()[1]
		if server.SpanKind() != oteltrace.SpanKindServer {
			t.Fatalf("the span that ended last is a %s's", server.SpanKind())
		}
		if id := decimal(server.SpanContext().SpanID()); id != came.Get("Pinpoint-Spanid") || decimal(server.Parent().SpanID()) != came.Get("Pinpoint-Pspanid") {
			t.Errorf("our span is %s under %s, of a request with %q", id, decimal(server.Parent().SpanID()), came)
		}
		if got["pinpoint-traceid"] != came.Get("Pinpoint-Traceid") || !strings.HasPrefix(got["pinpoint-traceid"], "java-shop-1^") {
			t.Errorf("transaction %q, began as %q", got["pinpoint-traceid"], came.Get("Pinpoint-Traceid"))
		}
		if got["pinpoint-pappname"] != "go-gateway" || got["pinpoint-spanid"] == came.Get("Pinpoint-Spanid") {
			t.Errorf("sent on: %q", got)
		}
	}
	if kinds[true] != 1 || kinds[false] != 1 {
		t.Errorf("%d requests were sampled and %d were not, want one of each", kinds[true], kinds[false])
	}
}

// decimal is how Pinpoint writes a span id.
func decimal(id oteltrace.SpanID) string {
	return strconv.FormatInt(int64(binary.BigEndian.Uint64(id[:])), 10) //nolint:gosec // its sign is a bit of it
}
