package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/trace"
)

var bg = context.Background()

func TestNoSpanIsLostAtShutdown(t *testing.T) {
	const spans = 2000 // what the default queue holds
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			s := &sink{}
			r := receive(t, s)
			addr := r.HTTPAddr()
			if protocol == "grpc" {
				addr = r.GRPCAddr()
			}
			setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+addr, "OTEL_EXPORTER_OTLP_PROTOCOL", protocol,
				"OTEL_SERVICE_NAME", "shop", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=te%73t,service.name=not-me")
			shutdown := start(t)
			for range spans {
				_, sp := trace.Start(bg, "a")
				sp.End()
			}
			if err := shutdown(within(t, 20*time.Second)); err != nil {
				t.Error(err)
			}
			if got := s.count(); got != spans {
				t.Errorf("%d of %d spans arrived", got, spans)
			}
			if err := shutdown(bg); err != nil {
				t.Errorf("second shutdown: %v", err)
			}
			checkResource(t, s)
		})
	}
}

func checkResource(t *testing.T, s *sink) {
	t.Helper()
	got := map[string]string{}
	for _, kv := range s.resources[0].Resource.Attributes {
		got[kv.Key] = kv.Value.GetStringValue()
	}
	for k, want := range map[string]string{"service.name": "shop", "deployment.environment.name": "test", "telemetry.sdk.language": "go"} {
		if got[k] != want {
			t.Errorf("resource has %s %q, want %q", k, got[k], want)
		}
	}
	for _, k := range []string{"service.instance.id", "host.name", "process.executable.name"} {
		if got[k] == "" {
			t.Errorf("resource has no %s", k)
		}
	}
	if _, ok := got["process.command_args"]; ok {
		t.Error("the resource gives the command line away")
	}
}

// One bad byte in one span must not cost the other spans of its batch.
func TestInvalidUTF8(t *testing.T) {
	s := &sink{}
	setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, s).HTTPAddr())
	shutdown := start(t)
	srv := httptest.NewServer(trace.Handler(http.NotFoundHandler()))
	for i := range 50 {
		path := "/ok"
		if i == 7 {
			path = "/%ff"
		}
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	srv.Close()
	bad := "\xff"
	_, sp := otel.Tracer("stranger").Start(bg, "name"+bad, oteltrace.WithLinks(oteltrace.Link{
		SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: [16]byte{1}, SpanID: [8]byte{1}}),
		Attributes:  []attribute.KeyValue{attribute.String("link", bad)},
	}))
	sp.SetAttributes(attribute.String("key"+bad, bad), attribute.StringSlice("list", []string{"ok", bad}),
		attribute.Slice("slice", attribute.StringValue(bad)), attribute.Map("map", attribute.String(bad, bad)), attribute.Int("n", 1))
	sp.AddEvent("event"+bad, oteltrace.WithAttributes(attribute.String("k", bad)))
	sp.RecordError(errors.New(bad))
	sp.SetStatus(2, bad)
	sp.End()
	if err := shutdown(within(t, 20*time.Second)); err != nil {
		t.Error(err)
	}
	if got := s.count(); got != 51 {
		t.Errorf("%d of 51 spans arrived", got)
	}
	for _, sp := range s.spans {
		if sp.Name == "name\uFFFD" {
			if text := fmt.Sprint(sp); strings.Count(text, "\uFFFD") < 11 {
				t.Errorf("%s", text)
			}
			return
		}
	}
	t.Error("the span named with a bad byte is missing")
}

func TestShutdownTellsWhatWasNotDelivered(t *testing.T) {
	end := func(n int) {
		for range n {
			_, sp := trace.Start(bg, "a")
			sp.End()
		}
	}
	t.Run("nobody listens", func(t *testing.T) {
		hushed(t)
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+closedPort(t))
		shutdown := start(t)
		end(3)
		err := shutdown(within(t, 20*time.Second))
		if err == nil || !strings.Contains(err.Error(), "3 of 3 spans not delivered to otlp") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v", err)
		}
		if again := shutdown(bg); again == nil || again.Error() != err.Error() {
			t.Errorf("second shutdown: %v", again)
		}
	})
	t.Run("rejected in part", func(t *testing.T) {
		hushed(t)
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, &sink{reject: 2}).HTTPAddr())
		shutdown := start(t)
		end(5)
		if err := shutdown(within(t, 20*time.Second)); err == nil || !strings.Contains(err.Error(), "2 of 5 spans not delivered") || !strings.Contains(err.Error(), "too odd") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("queue full", func(t *testing.T) {
		s := &sink{hold: make(chan struct{})}
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, s).HTTPAddr(),
			"OTEL_BSP_MAX_QUEUE_SIZE", "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
		shutdown := start(t)
		end(100)
		close(s.hold)
		err := shutdown(within(t, 20*time.Second))
		if want := fmt.Sprintf("%d of 100 spans not delivered to otlp: dropped because the queue was full", 100-s.count()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		hushed(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		cut := make(chan error, 1)
		go func() { // takes the request and does not answer
			conn, err := l.Accept()
			if err != nil {
				cut <- err
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
			_, err = io.Copy(io.Discard, conn)
			cut <- err
		}()
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
		shutdown := start(t)
		end(3)
		err = shutdown(within(t, 500*time.Millisecond))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 of 3 spans") {
			t.Errorf("got %v", err)
		}
		// The exporter gives up as well; it does not go on for the ten seconds it has.
		if err := <-cut; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("after shutdown the exporter still waits for an answer")
		}
	})
	t.Run("context done already", func(t *testing.T) {
		hushed(t)
		l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
		shutdown := start(t)
		end(3)
		ctx, cancel := context.WithCancel(bg)
		cancel()
		if err := shutdown(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestDisabled(t *testing.T) {
	setenv(t, "OTEL_SDK_DISABLED", "TRUE", "OTEL_METRICS_EXPORTER", "otlp")
	shutdown := start(t)
	if _, sp := trace.Start(bg, "a"); sp.IsRecording() {
		t.Error("a span is recorded")
	}
	if got := len(otel.GetTextMapPropagator().Fields()); got != 3 {
		t.Errorf("%d header fields, want 3: propagation is not the SDK's", got)
	}
	if err := shutdown(bg); err != nil {
		t.Error(err)
	}
}

func TestSamplers(t *testing.T) {
	remote := func(flags oteltrace.TraceFlags) context.Context {
		return oteltrace.ContextWithRemoteSpanContext(bg, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: [16]byte{0xff, 8: 0xff}, SpanID: [8]byte{1}, TraceFlags: flags,
		}))
	}
	for _, c := range []struct {
		sampler, arg           string
		root, sampled, dropped bool // is a root sampled, one under a sampled parent, one under one that is not
	}{
		{"", "", true, true, false},
		{"always_on", "", true, true, true},
		{"always_off", "", false, false, false},
		{"traceidratio", "0", false, false, false},
		{"traceidratio", "1", true, true, true},
		{"parentbased_always_on", "", true, true, false},
		{"parentbased_always_off", "", false, true, false},
		{"parentbased_traceidratio", "0.0", false, true, false},
	} {
		t.Run(c.sampler+c.arg, func(t *testing.T) {
			setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+closedPort(t), "OTEL_TRACES_SAMPLER", c.sampler, "OTEL_TRACES_SAMPLER_ARG", c.arg)
			start(t)
			for ctx, want := range map[context.Context]bool{bg: c.root, remote(1): c.sampled, remote(0): c.dropped} {
				_, sp := otel.Tracer("test").Start(ctx, "a")
				if got := sp.SpanContext().IsSampled(); got != want {
					t.Errorf("under %v: sampled is %v, want %v", oteltrace.SpanContextFromContext(ctx).TraceFlags(), got, want)
				}
			}
			hushed(t)
		})
	}
}

func TestPropagators(t *testing.T) {
	for value, want := range map[string]string{
		"":                     "baggage traceparent tracestate",
		"tracecontext":         "traceparent tracestate",
		" baggage , baggage":   "baggage",
		"baggage,tracecontext": "baggage traceparent tracestate",
		"none":                 "",
		"b3":                   "b3",
		"b3multi":              "x-b3-flags x-b3-sampled x-b3-spanid x-b3-traceid",
		"b3,tracecontext":      "b3 traceparent tracestate",
		"jaeger":               "uber-trace-id",
		"pinpoint": "Pinpoint-Flags Pinpoint-Sampled Pinpoint-SpanID Pinpoint-TraceID Pinpoint-pAppName Pinpoint-pAppType " +
			"Pinpoint-pSpanID tracestate",
	} {
		setenv(t, "OTEL_PROPAGATORS", value, "OTEL_TRACES_EXPORTER", "none", "OTEL_SERVICE_NAME", "shop")
		start(t)
		fields := otel.GetTextMapPropagator().Fields()
		slices.Sort(fields)
		if got := strings.Join(fields, " "); got != want {
			t.Errorf("%q: fields %q, want %q", value, got, want)
		}
	}
	// A program that wants no propagation has none, also in the middleware.
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	setenv(t, "OTEL_PROPAGATORS", "none", "OTEL_TRACES_EXPORTER", "none")
	start(t)
	if ctx := otel.GetTextMapPropagator().Extract(bg, propagation.HeaderCarrier(req.Header)); oteltrace.SpanContextFromContext(ctx).IsValid() {
		t.Error("the header was read")
	}
}

func TestConsole(t *testing.T) {
	written := stdout(t)
	setenv(t, "OTEL_TRACES_EXPORTER", "console", "OTEL_METRICS_EXPORTER", "console")
	shutdown := start(t)
	_, sp := trace.Start(bg, "to the console")
	sp.End()
	n, err := otel.Meter("test").Int64Counter("a.counter")
	if err != nil {
		t.Fatal(err)
	}
	n.Add(bg, 1)
	if err := shutdown(bg); err != nil {
		t.Error(err)
	}
	out := written()
	for _, want := range []string{`"to the console"`, `"a.counter"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s on the console: %s", want, out)
		}
	}
}

func TestMetricsAreExported(t *testing.T) {
	names := make(chan string, 16)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var req collectormetrics.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &req); err != nil || r.URL.Path != "/v1/metrics" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		for _, rm := range req.ResourceMetrics {
			for _, sm := range rm.ScopeMetrics {
				for _, m := range sm.Metrics {
					names <- m.Name
				}
			}
		}
	}))
	defer srv.Close()
	setenv(t, "OTEL_TRACES_EXPORTER", "none", "OTEL_METRICS_EXPORTER", "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
	shutdown := start(t)
	app := httptest.NewServer(trace.Handler(http.NotFoundHandler()))
	resp, err := http.Get(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	app.Close()
	if err := shutdown(within(t, 20*time.Second)); err != nil {
		t.Error(err)
	}
	close(names)
	got := map[string]bool{}
	for n := range names {
		got[n] = true
	}
	if !got["http.server.request.duration"] {
		t.Errorf("metrics %v", got)
	}
}
