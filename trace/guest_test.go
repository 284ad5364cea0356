package trace_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/clewhq/clew/trace"
)

// The telemetry code below panics wherever it is called, or from a certain point on.

type badPropagator struct{ propagation.TextMapPropagator }

func (badPropagator) Extract(context.Context, propagation.TextMapCarrier) context.Context {
	panic("extract")
}
func (badPropagator) Inject(context.Context, propagation.TextMapCarrier) { panic("inject") }

type badProvider struct{ tracenoop.TracerProvider }

func (badProvider) Tracer(string, ...oteltrace.TracerOption) oteltrace.Tracer { panic("tracer") }

type badTracers struct{ tracenoop.TracerProvider }

func (badTracers) Tracer(string, ...oteltrace.TracerOption) oteltrace.Tracer { return badTracer{} }

type badTracer struct{ tracenoop.Tracer }

func (badTracer) Start(context.Context, string, ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	panic("start")
}

// badSpans start well.
type badSpans struct{ tracenoop.TracerProvider }

func (badSpans) Tracer(string, ...oteltrace.TracerOption) oteltrace.Tracer { return badSpanTracer{} }

type badSpanTracer struct{ tracenoop.Tracer }

func (badSpanTracer) Start(ctx context.Context, _ string, _ ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	return oteltrace.ContextWithSpan(ctx, badSpan{}), badSpan{}
}

type badSpan struct{ tracenoop.Span }

func (badSpan) SpanContext() oteltrace.SpanContext {
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: [16]byte{1}, SpanID: [8]byte{2}, TraceFlags: 1})
}
func (badSpan) IsRecording() bool                         { panic("is recording") }
func (badSpan) SetAttributes(...attribute.KeyValue)       { panic("set attributes") }
func (badSpan) SetName(string)                            { panic("set name") }
func (badSpan) SetStatus(codes.Code, string)              { panic("set status") }
func (badSpan) AddEvent(string, ...oteltrace.EventOption) { panic("add event") }
func (badSpan) End(...oteltrace.SpanEndOption)            { panic("end") }

type badMeters struct{ metricnoop.MeterProvider }

func (badMeters) Meter(string, ...metric.MeterOption) metric.Meter { panic("meter") }

type badRecords struct{ metricnoop.MeterProvider }

func (badRecords) Meter(string, ...metric.MeterOption) metric.Meter { return badMeter{} }

type badMeter struct{ metricnoop.Meter }

func (badMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return badHistogram{}, nil
}

type badHistogram struct{ metricnoop.Float64Histogram }

func (badHistogram) Record(context.Context, float64, ...metric.RecordOption) { panic("record") }

// Whatever of telemetry panics, requests are served and sent, and the error handler hears of it; it
// may panic, too.
func TestTelemetryThatPanicsIsContained(t *testing.T) {
	for name, opt := range map[string]trace.Option{
		"propagator": trace.WithPropagator(badPropagator{}),
		"provider":   trace.WithTracerProvider(badProvider{}),
		"tracer":     trace.WithTracerProvider(badTracers{}),
		"span":       trace.WithTracerProvider(badSpans{}),
		"meter":      trace.WithMeterProvider(badMeters{}),
		"histogram":  trace.WithMeterProvider(badRecords{}),
	} {
		t.Run(name, func(t *testing.T) {
			var (
				mu    sync.Mutex
				heard []string
			)
			handleErrors(t, func(err error) {
				mu.Lock()
				heard = append(heard, err.Error())
				mu.Unlock()
				panic("error handler")
			})
			url, _ := serve(t, trace.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusAccepted)
				_, _ = io.Copy(w, r.Body)
			}), opt))
			rt := trace.Transport(nil, opt)
			defer client(rt).CloseIdleConnections()
			resp := send(t, client(rt), bg, http.MethodPost, url, "hello")
			if got := drain(t, resp); resp.StatusCode != http.StatusAccepted || got != "hello" {
				t.Errorf("%s %q", resp.Status, got)
			}
			mu.Lock()
			defer mu.Unlock()
			if len(heard) < 2 || !strings.Contains(strings.Join(heard, ""), "telemetry code panicked") {
				t.Errorf("the error handler heard %q", heard)
			}
		})
	}
}

// handleErrors sets OpenTelemetry's error handler. What was there before cannot be put back: the API
// only ever shows its own delegate.
func handleErrors(t testing.TB, f func(error)) {
	t.Helper()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(f))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
}

func TestStartWithAPanickingProvider(t *testing.T) {
	otel.SetTracerProvider(tracenoop.NewTracerProvider()) // so that the API asks ours for nothing itself
	defer otel.SetTracerProvider(tracenoop.NewTracerProvider())
	handleErrors(t, func(error) {})
	for _, tp := range []oteltrace.TracerProvider{badProvider{}, badTracers{}, badSpans{}} {
		otel.SetTracerProvider(tp)
		ctx, s := trace.Start(bg, "a")
		if ctx == nil || s == nil {
			t.Errorf("%T: got %v, %v", tp, ctx, s)
		}
		s.End()
	}
}

func TestWithoutAnything(t *testing.T) {
	url, c := serve(t, trace.Handler(mux(), nil, trace.WithTracerProvider(nil), trace.WithMeterProvider(nil), trace.WithPropagator(nil)))
	if got := get(t, c, url+"/items/7"); got != "7" {
		t.Errorf("got %q", got)
	}
}

// endCounter is a provider whose only span counts how often it is ended.
type endCounter struct {
	tracenoop.TracerProvider
	n *atomic.Int32
}

func (c endCounter) Tracer(string, ...oteltrace.TracerOption) oteltrace.Tracer {
	return endCounterTracer{n: c.n}
}

type endCounterTracer struct {
	tracenoop.Tracer
	n *atomic.Int32
}

func (c endCounterTracer) Start(ctx context.Context, _ string, _ ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	return ctx, endCounterSpan{n: c.n}
}

type endCounterSpan struct {
	badSpan
	n *atomic.Int32
}

func (s endCounterSpan) End(...oteltrace.SpanEndOption) { s.n.Add(1) }

// The provider's span is ended once, whatever it would make of a second time.
func TestEndReachesTheProviderOnce(t *testing.T) {
	var n atomic.Int32
	otel.SetTracerProvider(tracenoop.NewTracerProvider())
	otel.SetTracerProvider(endCounter{n: &n})
	defer otel.SetTracerProvider(tracenoop.NewTracerProvider())
	_, s := trace.Start(bg, "a")
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() { s.End() })
	}
	done.Wait()
	s.End()
	if got := n.Load(); got != 1 {
		t.Errorf("ended %d times", got)
	}
}
