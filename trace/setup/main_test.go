package setup

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/internal/otlprecv"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The exporter's client is its own and keeps connections for a while.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	)
}

// setenv makes pairs the only OTEL_* variables, and lets the globals do nothing before and afterwards. Metrics are off
// unless asked for.
func setenv(t *testing.T, pairs ...string) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "") // as good as unset
		}
	}
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	for i := 0; i+1 < len(pairs); i += 2 {
		t.Setenv(pairs[i], pairs[i+1])
	}
	// Not what was there before: the API's placeholders keep to the first provider ever set.
	clean := func() {
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
		otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
	}
	clean()
	t.Cleanup(clean)
}

// hushed collects what goes to OpenTelemetry's error handler.
func hushed(t *testing.T) *strings.Builder {
	t.Helper()
	var (
		mu  sync.Mutex
		out strings.Builder
	)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		out.WriteString(err.Error() + "\n")
	}))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return &out
}

// sink keeps the spans that a receiver takes.
type sink struct {
	mu        sync.Mutex
	spans     map[string]*tracepb.Span
	resources []*tracepb.ResourceSpans
	reject    int64         // so many of each batch
	hold      chan struct{} // not nil: batches wait for it to be closed
}

func (s *sink) Spans(ctx context.Context, rs []*tracepb.ResourceSpans) error {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spans == nil {
		s.spans = map[string]*tracepb.Span{}
	}
	s.resources = append(s.resources, rs...)
	for _, r := range rs {
		for _, ss := range r.ScopeSpans {
			for _, sp := range ss.Spans {
				s.spans[string(sp.SpanId)] = sp
			}
		}
	}
	if s.reject > 0 {
		return &otlprecv.RejectedError{Spans: s.reject, Reason: "too odd"}
	}
	return nil
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.spans)
}

func receive(t *testing.T, s *sink) *otlprecv.Receiver {
	t.Helper()
	r, err := otlprecv.Listen(s, otlprecv.Options{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return r
}

// start is Init that must succeed.
func start(t *testing.T) func(context.Context) error {
	t.Helper()
	shutdown, err := Init(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = shutdown(ctx)
	})
	return shutdown
}

// within is a context for a shutdown that is to come to an end by itself.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}
