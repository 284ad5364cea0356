package conform

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/internal/otlprecv"
)

// Options is how a provider is to be made.
type Options struct {
	Endpoint string // host:port of a receiver
	GRPC     bool
	Gzip     bool
	Limits   sdktrace.SpanLimits
	Sampler  sdktrace.Sampler
	Resource *resource.Resource
}

// Provider is what a [Subject] makes.
type Provider interface {
	oteltrace.TracerProvider
	Shutdown(context.Context) error
}

// Subject makes a provider that sends with OTLP.
type Subject func(t testing.TB, o Options) Provider

// SDK is the official SDK with its OTLP exporters: what others are compared with.
func SDK(t testing.TB, o Options) Provider {
	t.Helper()
	exporter, err := exporterOf(o)
	if err != nil {
		t.Fatal(err)
	}
	opts := []sdktrace.TracerProviderOption{
		sdktrace.WithBatcher(exporter, sdktrace.WithBlocking()), sdktrace.WithRawSpanLimits(o.Limits), sdktrace.WithSampler(o.Sampler),
	}
	if o.Resource != nil {
		opts = append(opts, sdktrace.WithResource(o.Resource))
	}
	return sdktrace.NewTracerProvider(opts...)
}

func exporterOf(o Options) (sdktrace.SpanExporter, error) {
	if o.GRPC {
		opts := []otlptracegrpc.Option{otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(o.Endpoint)}
		if o.Gzip {
			opts = append(opts, otlptracegrpc.WithCompressor("gzip"))
		}
		return otlptracegrpc.New(context.Background(), opts...)
	}
	opts := []otlptracehttp.Option{otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(o.Endpoint)}
	if o.Gzip {
		opts = append(opts, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	return otlptracehttp.New(context.Background(), opts...)
}

// Run is what a program has delivered, and when it ran.
type Run struct {
	From, To time.Time
	Spans    []*tracepb.ResourceSpans
}

// Deliver runs program on a provider that s makes, and returns what has arrived when that is shut down.
// The endpoint in o is set to a receiver's.
func Deliver(t testing.TB, s Subject, o Options, program func(oteltrace.TracerProvider)) Run {
	t.Helper()
	var got sink
	r, err := otlprecv.Listen(&got, otlprecv.Options{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o.Endpoint = r.HTTPAddr()
	if o.GRPC {
		o.Endpoint = r.GRPCAddr()
	}
	p := s(t, o)
	run := Run{From: time.Now()}
	program(p)
	run.To = time.Now()
	if err := p.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	// A client may keep its connection open; Close cuts it off then.
	now, stop := context.WithCancel(ctx)
	stop()
	if err := r.Close(now); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	run.Spans = got.spans
	return run
}

// sink keeps what a receiver takes.
type sink struct {
	mu    sync.Mutex
	spans []*tracepb.ResourceSpans
}

// Spans implements [otlprecv.Sink].
func (s *sink) Spans(_ context.Context, rs []*tracepb.ResourceSpans) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = append(s.spans, rs...)
	return nil
}
