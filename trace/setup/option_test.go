package setup

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/tail"
)

// TestTail: at a ratio of nothing the failed request arrives whole, and the fine one
// does not.
func TestTail(t *testing.T) {
	var first sink
	setenv(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+receive(t, &first).HTTPAddr(), "OTEL_SERVICE_NAME", "shop",
		"OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "0", "OTEL_METRICS_EXPORTER", "console")
	out := stdout(t)
	shutdown, err := Init(bg, WithTail(tail.Config{PerRoute: 1}), WithSpanProcessor(marker{}), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, sp := trace.Start(r.Context(), "inner "+r.URL.Path)
		sp.End()
		if r.URL.Path == "/failed" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	for _, path := range []string{"/fine", "/failed", "/failed"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	if err := shutdown(within(t, 20*time.Second)); err != nil {
		t.Error(err)
	}
	var names []string
	for _, s := range first.spans {
		names = append(names, s.Name)
		if !slices.ContainsFunc(s.Attributes, func(kv *commonpb.KeyValue) bool { return kv.Key == "marked" }) {
			t.Errorf("the processor has not seen %s", s.Name)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"GET", "inner /failed"}, names); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	metrics := out()
	for _, want := range []string{`"clew.tail.traces"`, `"clew.tail.cut_spans"`, `"capped"`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s:\n%s", want, metrics)
		}
	}
}

func TestBadTail(t *testing.T) {
	setenv(t, "OTEL_TRACES_SAMPLER", "x")
	before := otel.GetTracerProvider()
	_, err := Init(bg, WithTail(tail.Config{Slow: -1}), WithSpanProcessor(nil))
	if err == nil || !strings.Contains(err.Error(), "Slow") || !strings.Contains(err.Error(), "processor is nil") || !strings.Contains(err.Error(), "OTEL_TRACES_SAMPLER") {
		t.Errorf("error %v, want both mistakes", err)
	}
	if otel.GetTracerProvider() != before {
		t.Error("a provider has been set")
	}
}

// stdout catches what is written to standard output until the function returned is called.
func stdout(t *testing.T) func() string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "stdout")
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdout
	os.Stdout = f
	t.Cleanup(func() {
		os.Stdout = was
		_ = f.Close()
	})
	return func() string {
		t.Helper()
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

// marker marks every span.
type marker struct{}

func (marker) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	s.SetAttributes(attribute.Bool("marked", true))
}
func (marker) OnEnd(sdktrace.ReadOnlySpan)      {}
func (marker) ForceFlush(context.Context) error { return nil }
func (marker) Shutdown(context.Context) error   { return nil }
