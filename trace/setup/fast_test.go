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

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/profile"
	"github.com/clewhq/clew/trace/provider"
	"github.com/clewhq/clew/trace/tail"
)

// startFast is Init with the fast provider, that must succeed.
func startFast(t *testing.T, opts ...Option) func(context.Context) error {
	t.Helper()
	shutdown, err := Init(bg, append(opts, WithFastProvider())...)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := otel.GetTracerProvider().(*provider.Provider); !ok {
		t.Fatalf("the provider is a %T", otel.GetTracerProvider())
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(bg)
		cancel()
		_ = shutdown(ctx)
	})
	return shutdown
}

func endSpans(n int) {
	for range n {
		_, sp := trace.Start(bg, "a")
		sp.End()
	}
}

func TestFastDelivers(t *testing.T) {
	const spans = 2000
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			s := &sink{}
			r := receive(t, s)
			addr := r.HTTPAddr()
			if protocol == "grpc" {
				addr = r.GRPCAddr()
			}
			setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+addr, "OTEL_EXPORTER_OTLP_PROTOCOL", protocol,
				"OTEL_SERVICE_NAME", "shop", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=te%73t,service.name=not-me",
				"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
			shutdown := startFast(t)
			endSpans(spans)
			if err := shutdown(within(t, time.Minute)); err != nil {
				t.Error(err)
			}
			if got := s.count(); got != spans {
				t.Errorf("%d of %d spans arrived", got, spans)
			}
			checkResource(t, s)
		})
	}
}

// One bad byte in one request must not cost the other spans of its batch.
func TestFastInvalidUTF8(t *testing.T) {
	s := &sink{}
	setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, s).HTTPAddr())
	shutdown := startFast(t)
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
	if err := shutdown(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	if got := s.count(); got != 50 {
		t.Errorf("%d of 50 spans arrived", got)
	}
}

func TestFastShutdownTellsWhatWasNotDelivered(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		hushed(t)
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+closedPort(t), "OTEL_BSP_EXPORT_TIMEOUT", "2000")
		shutdown := startFast(t)
		endSpans(3)
		err := shutdown(within(t, time.Minute))
		if err == nil || !strings.Contains(err.Error(), "3 of 3 spans not delivered") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v", err)
		}
		if again := shutdown(bg); again == nil || again.Error() != err.Error() {
			t.Errorf("second shutdown: %v", again)
		}
	})
	t.Run("rejected in part", func(t *testing.T) {
		said := hushed(t)
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, &sink{reject: 2}).HTTPAddr())
		shutdown := startFast(t)
		endSpans(5)
		if err := shutdown(within(t, time.Minute)); err == nil || !strings.Contains(err.Error(), "2 of 5 spans not delivered") || !strings.Contains(err.Error(), "too odd") {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(said.String(), "too odd") {
			t.Errorf("the error handler was told %q", said)
		}
	})
	t.Run("queue full", func(t *testing.T) {
		hushed(t)
		s := &sink{hold: make(chan struct{})}
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, s).HTTPAddr(),
			"OTEL_BSP_MAX_QUEUE_SIZE", "10", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
		shutdown := startFast(t)
		endSpans(100)
		close(s.hold)
		err := shutdown(within(t, time.Minute))
		lost := 100 - s.count()
		if want := fmt.Sprintf("%d of 100 spans not delivered: %d dropped for want of room", lost, lost); err == nil || !strings.Contains(err.Error(), want) || lost < 80 {
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
		taken, cut := make(chan struct{}), make(chan error, 1)
		go func() { // takes the request and does not answer
			conn, err := l.Accept()
			close(taken)
			if err != nil {
				cut <- err
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			_, err = io.Copy(io.Discard, conn)
			cut <- err
		}()
		setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String(), "OTEL_EXPORTER_OTLP_TIMEOUT", "600000", "OTEL_BSP_EXPORT_TIMEOUT", "600000")
		shutdown := startFast(t)
		endSpans(3)
		ctx, cancel := context.WithCancel(bg)
		go func() {
			<-taken
			cancel()
		}()
		if err = shutdown(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "3 of 3 spans") {
			t.Errorf("got %v", err)
		}
		if err := <-cut; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("after shutdown the exporter still waits for an answer")
		}
	})
}

func TestFastTailAndProcessors(t *testing.T) {
	var first sink
	setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, &first).HTTPAddr(), "OTEL_SERVICE_NAME", "shop",
		"OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0", "OTEL_METRICS_EXPORTER", "console")
	out := stdout(t)
	shutdown := startFast(t, WithTail(tail.Config{PerRoute: 1e-9}), WithSpanProcessor(profile.Spans()))
	h := trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, sp := trace.Start(r.Context(), "inner "+r.URL.Path)
		sp.End()
		if r.URL.Path == "/failed" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	sampled := httptest.NewRequest(http.MethodGet, "/sampled", nil)
	sampled.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	for _, path := range []string{"/fine", "/failed", "/failed"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	h.ServeHTTP(httptest.NewRecorder(), sampled)
	if err := shutdown(within(t, time.Minute)); err != nil {
		t.Error(err)
	}
	var names []string
	for _, s := range first.spans {
		has := func(key string) bool {
			return slices.ContainsFunc(s.Attributes, func(kv *commonpb.KeyValue) bool { return kv.Key == key })
		}
		names = append(names, fmt.Sprintf("%s kept %v profiled %v", s.Name, has(string(tail.ReasonKey)), has(string(profile.IDKey))))
	}
	slices.Sort(names)
	want := []string{
		"GET kept false profiled true", "GET kept true profiled false",
		"inner /failed kept false profiled false", "inner /sampled kept false profiled true",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	metrics := out()
	for _, want := range []string{`"clew.tail.traces"`, `"capped"`, `"otel.sdk.exporter.span.exported"`, `"queue_full"`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s:\n%s", want, metrics)
		}
	}
}

// marked is a span processor that does something at the end.
type marked struct{ sdktrace.SpanProcessor }

func TestFastRefuses(t *testing.T) {
	setenv(t, "OTEL_TRACES_EXPORTER", "otlp,console")
	before := otel.GetTracerProvider()
	_, err := Init(bg, WithFastProvider(provider.WithMaxBytes(1)), WithSpanProcessor(marked{}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"OTEL_TRACES_EXPORTER: console needs the SDK's provider", "setup.marked may read spans"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:1")
	if _, err := Init(bg, WithFastProvider(provider.WithMaxBytes(1))); err == nil || !strings.Contains(err.Error(), "WithMaxBytes: 1 is less") {
		t.Errorf("got %v", err)
	}
	if otel.GetTracerProvider() != before {
		t.Error("a provider has been set")
	}
}
