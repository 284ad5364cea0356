package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/provider"
)

// side is one of those compared: a handler, and the SDK beneath it.
type side struct {
	name    string
	handler http.Handler
	traces  *sdktrace.TracerProvider // nil: not instrumented
	reader  *sdkmetric.ManualReader
	served  int // requests that were sampled
}

func mux() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.PathValue("id"))
	})
	return m
}

var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

func newSides(ctx context.Context, to *sink) ([]*side, error) {
	bare := &side{name: "bare", handler: mux()}
	theirs, err := newSide(ctx, "otelhttp", to, official, func(s *side, mp *sdkmetric.MeterProvider) http.Handler {
		return otelhttp.NewHandler(mux(), "", otelhttp.WithTracerProvider(s.traces),
			otelhttp.WithMeterProvider(mp), otelhttp.WithPropagators(w3c))
	})
	if err != nil {
		return nil, err
	}
	wrap := func(s *side, mp *sdkmetric.MeterProvider) http.Handler {
		return trace.Handler(mux(), trace.WithTracerProvider(s.traces),
			trace.WithMeterProvider(mp), trace.WithPropagator(trace.Propagator()))
	}
	encoded := func(ctx context.Context, client otlptrace.Client) (sdktrace.SpanExporter, error) {
		return provider.NewExporter(ctx, client)
	}
	ours, err := newSide(ctx, "clew", to, encoded, wrap)
	if err != nil {
		return nil, err
	}
	handler, err := newSide(ctx, "handler", to, official, wrap)
	if err != nil {
		return nil, err
	}
	return []*side{bare, theirs, ours, handler}, nil
}

// newExporter makes an exporter that sends by client.
type newExporter func(ctx context.Context, client otlptrace.Client) (sdktrace.SpanExporter, error)

func official(ctx context.Context, client otlptrace.Client) (sdktrace.SpanExporter, error) {
	return otlptrace.New(ctx, client)
}

func newSide(ctx context.Context, name string, to *sink, exporter newExporter, wrap func(*side, *sdkmetric.MeterProvider) http.Handler) (*side, error) {
	exp, err := exporter(ctx, otlptracehttp.NewClient(otlptracehttp.WithEndpoint(to.addr), otlptracehttp.WithInsecure(),
		otlptracehttp.WithURLPath("/"+name+"/v1/traces")))
	if err != nil {
		return nil, err
	}
	s := &side{name: name, reader: sdkmetric.NewManualReader()}
	s.traces = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exp, sdktrace.WithBlocking()))
	s.handler = wrap(s, sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader)))
	return s, nil
}

// flush waits until what has ended is sent, and reads the metrics as a periodic reader does.
func (s *side) flush(ctx context.Context) error {
	if s.traces == nil {
		return nil
	}
	if err := s.traces.ForceFlush(ctx); err != nil {
		return err
	}
	var m metricdata.ResourceMetrics
	return s.reader.Collect(ctx, &m)
}

// check compares what the sink has with what was served.
func (s *side) check(to *sink) (attributes float64, err error) {
	t, err := to.count(s.name)
	if err != nil {
		return 0, err
	}
	if t.spans != s.served || t.servers != s.served {
		return 0, fmt.Errorf("%s: %d spans arrived, %d of them a server's, for %d requests", s.name, t.spans, t.servers, s.served)
	}
	return float64(t.attributes) / float64(max(1, t.spans)), nil
}

// newRequest is one such as net/http's server makes, with contexts around it like the server's and
// the connection's, from a caller who has decided whether it is sampled.
func newRequest(sampled bool) (r *http.Request, cancel func()) {
	ctx := context.WithValue(context.Background(), http.ServerContextKey, &http.Server{})
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080})
	ctx, closed := context.WithCancel(ctx)
	ctx, answered := context.WithCancel(ctx)
	r = httptest.NewRequestWithContext(ctx, http.MethodGet, "http://shop.example:8080/items/17", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	if sampled {
		r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	}
	r.Header.Set("User-Agent", "middleware/1.0")
	r.Header.Set("Accept", "*/*")
	return r, func() { answered(); closed() }
}
