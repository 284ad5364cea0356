package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/provider"
)

// drain is a receiver without a network: it reads all and answers.
type drain struct{ bytes atomic.Int64 }

func (d *drain) RoundTrip(r *http.Request) (*http.Response, error) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return nil, err
	}
	d.bytes.Add(n)
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: http.NoBody, Request: r}, r.Body.Close()
}

// bench is something to be repeated, and how to send what it has made.
type bench struct {
	op    func(i int)
	close func(context.Context) error
}

type subject func(*drain) (bench, error)

type comparison struct {
	name        string
	ours, rival subject
	wall        bool
}

var (
	always = sdktrace.ParentBased(sdktrace.AlwaysSample())
	never  = sdktrace.NeverSample()
)

var comparisons = []comparison{
	{"span of 8 attributes, API", api(ours(always, 0)), api(sdk(always, false)), false},
	{"span of 8 attributes, direct", direct(always, 0), api(sdk(always, false)), false},
	{"gzip, each at its default, API", api(ours(always, 1)), api(sdk(always, true)), false},
	{"gzip level 6, API", api(ours(always, 6)), api(sdk(always, true)), false},
	{"gzip, each at its default, direct", direct(always, 1), api(sdk(always, true)), false},
	{"the caller, API", api(ours(always, 0)), api(sdk(always, false)), true},
	{"the caller, direct", direct(always, 0), api(sdk(always, false)), true},
	{"never sampled, API", api(ours(never, 0)), api(sdk(never, false)), false},
	{"otelhttp on ours, sampled", otelHTTP(ours(always, 0), 1), otelHTTP(sdk(always, false), 1), false},
	{"trace.Handler on ours, sampled", handler(ours(always, 0), 1), otelHTTP(sdk(always, false), 1), false},
	{"trace.Handler on ours, not sampled", handler(ours(always, 0), 0), otelHTTP(sdk(always, false), 0), false},
}

type tracerProvider interface {
	oteltrace.TracerProvider
	Shutdown(context.Context) error
}

type maker func(*drain) (tracerProvider, error)

// ours makes package provider's, compressing at level, or not at all if that is 0.
func ours(s sdktrace.Sampler, level int) maker {
	return func(d *drain) (tracerProvider, error) { return newOurs(d, s, level) }
}

func newOurs(d *drain, s sdktrace.Sampler, level int) (*provider.Provider, error) {
	opts := []provider.Option{
		provider.WithHTTPClient(&http.Client{Transport: d}), provider.WithSampler(s), provider.WithBlocking(),
		provider.WithEnv(func(name string) string {
			if name == "OTEL_EXPORTER_OTLP_COMPRESSION" && level > 0 {
				return "gzip"
			}
			return ""
		}),
	}
	if level > 0 {
		opts = append(opts, provider.WithGzipLevel(level))
	}
	return provider.New(opts...)
}

func sdk(s sdktrace.Sampler, gzip bool) maker {
	return func(d *drain) (tracerProvider, error) {
		opts := []otlptracehttp.Option{otlptracehttp.WithEndpointURL("http://localhost:4318/v1/traces"), otlptracehttp.WithHTTPClient(&http.Client{Transport: d})}
		if gzip {
			opts = append(opts, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		}
		exporter, err := otlptracehttp.New(context.Background(), opts...)
		if err != nil {
			return nil, err
		}
		return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithBlocking()), sdktrace.WithSampler(s)), nil
	}
}

const route = "/api/v1/users/{id}/orders/{order}"

var paths = func() (ps [1024]string) {
	for i := range ps {
		ps[i] = fmt.Sprintf("/api/v1/users/%d/orders/%x", i*7919, i*104729)
	}
	return ps
}()

// api makes a server span with eight attributes, one in twenty of them with an event and an error.
func api(m maker) subject {
	return func(d *drain) (bench, error) {
		p, err := m(d)
		if err != nil {
			return bench{}, err
		}
		tr := p.Tracer("spanprice", oteltrace.WithInstrumentationVersion("1.0"))
		return bench{func(i int) {
			_, s := tr.Start(context.Background(), "GET "+route, oteltrace.WithSpanKind(oteltrace.SpanKindServer))
			if s.IsRecording() {
				s.SetAttributes(semconv.HTTPRequestMethodGet, semconv.URLPath(paths[i&1023]), semconv.URLScheme("https"),
					semconv.ServerAddress("api.example.com"), semconv.ServerPort(8443), semconv.HTTPRoute(route),
					semconv.NetworkProtocolVersion("1.1"), semconv.HTTPResponseStatusCode(200))
				sometimes(s, i)
			}
			s.End()
		}, p.Shutdown}, nil
	}
}

func sometimes(s oteltrace.Span, i int) {
	if i%20 == 0 {
		s.AddEvent("retry", oteltrace.WithAttributes(attribute.Int("attempt", 2)))
		s.SetStatus(codes.Error, "")
	}
}

// direct makes the same span without the interface, what is always the same encoded beforehand.
func direct(s sdktrace.Sampler, level int) subject {
	constant := provider.NewAttributes(semconv.HTTPRequestMethodGet, semconv.URLScheme("https"), semconv.ServerAddress("api.example.com"),
		semconv.ServerPort(8443), semconv.HTTPRoute(route), semconv.NetworkProtocolVersion("1.1"))
	return func(d *drain) (bench, error) {
		p, err := newOurs(d, s, level)
		if err != nil {
			return bench{}, err
		}
		tr := p.Direct("spanprice", oteltrace.WithInstrumentationVersion("1.0"))
		return bench{func(i int) {
			_, s := tr.Begin(context.Background(), oteltrace.SpanContext{}, "GET "+route, oteltrace.SpanKindServer, time.Time{})
			s.Set(constant)
			s.SetString("url.path", paths[i&1023])
			s.SetInt("http.response.status_code", 200)
			if i%20 == 0 {
				sometimes(s, i)
			}
			s.End()
		}, p.Shutdown}, nil
	}
}

// otelHTTP serves requests through otelhttp, with metrics; handler through trace.Handler.
func otelHTTP(m maker, flags int) subject {
	return served(m, flags, func(p oteltrace.TracerProvider, mp *sdkmetric.MeterProvider, mux http.Handler) http.Handler {
		return otelhttp.NewHandler(mux, "", otelhttp.WithTracerProvider(p), otelhttp.WithMeterProvider(mp), otelhttp.WithPropagators(propagation.TraceContext{}))
	})
}

func handler(m maker, flags int) subject {
	return served(m, flags, func(p oteltrace.TracerProvider, mp *sdkmetric.MeterProvider, mux http.Handler) http.Handler {
		return trace.Handler(mux, trace.WithTracerProvider(p), trace.WithMeterProvider(mp))
	})
}

func served(m maker, flags int, wrap func(oteltrace.TracerProvider, *sdkmetric.MeterProvider, http.Handler) http.Handler) subject {
	return func(d *drain) (bench, error) {
		p, err := m(d)
		if err != nil {
			return bench{}, err
		}
		mux := http.NewServeMux()
		body := []byte("hello, world")
		mux.HandleFunc("GET "+route, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
		h := wrap(p, sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), mux)
		requests := make([]*http.Request, len(paths))
		for i := range requests {
			r, err := http.NewRequest(http.MethodGet, "http://api.example.com:8080"+paths[i], http.NoBody)
			if err != nil {
				return bench{}, err
			}
			r.RemoteAddr = "10.1.2.3:51234"
			r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
			r.Header.Set("Traceparent", fmt.Sprintf("00-%032x-%016x-%02x", i+1<<40, i+1, flags))
			requests[i] = r
		}
		return bench{func(i int) {
			r := *requests[i&1023]
			h.ServeHTTP(&writer{h: http.Header{}}, &r)
		}, p.Shutdown}, nil
	}
}

type writer struct{ h http.Header }

func (w *writer) Header() http.Header         { return w.h }
func (w *writer) Write(b []byte) (int, error) { return len(b), nil }
func (w *writer) WriteHeader(int)             {}

func inParallel(op func(int), n int) {
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for i := range n / 2 {
				op(i)
			}
		})
	}
	all.Wait()
}

// bursts times bursts of 200, with a pause after each in which the exporter can do its work.
func bursts(op func(int), n int) (took time.Duration) {
	for i := 0; i < n; i += 200 {
		start := time.Now()
		for k := range 200 {
			op(i + k)
		}
		took += time.Since(start)
		time.Sleep(5 * time.Millisecond)
	}
	return took
}
