package telemetry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// Spans exports slow batches as spans: of kind server, from the request's arrival
// to its reply, children of the client's span where that is known. Each server is
// a resource of its own. It is not safe for concurrent use.
type Spans struct {
	exporter  *shared
	providers map[string]*sdktrace.TracerProvider
}

// NewSpans returns Spans that export to exporter, which [Spans.Close] shuts down.
func NewSpans(exporter sdktrace.SpanExporter) *Spans {
	return &Spans{exporter: &shared{SpanExporter: exporter}, providers: map[string]*sdktrace.TracerProvider{}}
}

// Add exports the slow batches of a part of a report, as [report.Report.Since]
// returns it, each as one span. Exporting goes on behind; when it does not keep
// up, spans are dropped, as by every batch processor of the SDK.
func (s *Spans) Add(part *report.Report) int {
	n := 0
	for i := range part.Servers {
		server := &part.Servers[i]
		for k := range server.Slow {
			s.add(server, &server.Slow[k])
			n++
		}
	}
	return n
}

func (s *Spans) add(server *report.Server, b *report.Slow) {
	ctx := parent(b)
	_, span := s.tracer(server).Start(ctx, b.Name,
		oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithTimestamp(b.At.Add(-time.Duration(b.WaitNS))),
		oteltrace.WithAttributes(attributes(server, b)...))
	span.AddEvent("read by the event loop", oteltrace.WithTimestamp(b.At))
	if b.Error {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeOther)
	}
	span.End(oteltrace.WithTimestamp(b.At.Add(time.Duration(b.ServiceNS))))
}

func attributes(server *report.Server, b *report.Slow) []attribute.KeyValue {
	out := []attribute.KeyValue{
		semconv.DBSystemNameRedis,
		semconv.DBOperationName(b.Name),
		attribute.Float64("redisprobe.wait", float64(b.WaitNS)/1e9),
		attribute.Float64("redisprobe.service", float64(b.ServiceNS)/1e9),
	}
	if b.Size > 1 { // the conventions: never 1
		out = append(out, semconv.DBOperationBatchSize(b.Size))
	}
	if b.Text != "" {
		out = append(out, semconv.DBQueryText(b.Text))
	}
	if server.Port > 0 {
		out = append(out, semconv.ServerPort(server.Port))
	}
	if host, port, err := net.SplitHostPort(b.Client); err == nil {
		out = append(out, semconv.ClientAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			out = append(out, semconv.ClientPort(n))
		}
	}
	return out
}

// tracer returns the tracer whose resource is the server.
func (s *Spans) tracer(server *report.Server) oteltrace.Tracer {
	key := server.Name + "/" + strconv.Itoa(server.PID)
	p := s.providers[key]
	if p == nil {
		name := server.Name
		if server.Port > 0 {
			name += ":" + strconv.Itoa(server.Port)
		}
		r := resource.NewSchemaless(append(serverAttributes(server), semconv.ServiceName(name))...)
		p = sdktrace.NewTracerProvider(
			sdktrace.WithBatcher(s.exporter),
			sdktrace.WithResource(r),
			sdktrace.WithSampler(sdktrace.AlwaysSample()), // the probe has chosen already
			sdktrace.WithIDGenerator(ids{}))
		s.providers[key] = p
	}
	return p.Tracer(scope)
}

// Close exports what is left and shuts the exporter down; it gives up when ctx is
// done. The error says how many spans were not exported since the beginning, and
// why the last of them were not.
func (s *Spans) Close(ctx context.Context) error {
	var errs []error
	for _, p := range s.providers {
		errs = append(errs, p.Shutdown(ctx))
	}
	return errors.Join(append(errs, s.exporter.SpanExporter.Shutdown(ctx), s.exporter.failure())...)
}

// shared is an exporter of several providers: the end of one is not the end of
// it. It remembers what the providers tell nobody, that an export failed.
type shared struct {
	sdktrace.SpanExporter

	mu     sync.Mutex
	failed int // spans
	err    error
}

func (s *shared) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failed, s.err = s.failed+len(spans), err
	}
	return err
}

func (*shared) Shutdown(context.Context) error { return nil }

func (s *shared) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("%d spans were not exported: %w", s.failed, s.err)
}

// parent is the context whose span is the client's, or, where only its trace is
// known, that trace.
func parent(b *report.Slow) context.Context {
	ctx := context.Background()
	trace, err := oteltrace.TraceIDFromHex(b.TraceID)
	if err != nil {
		return ctx
	}
	span, err := oteltrace.SpanIDFromHex(b.SpanID)
	if err != nil {
		return context.WithValue(ctx, traceKey{}, trace)
	}
	return oteltrace.ContextWithRemoteSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: trace, SpanID: span, TraceFlags: oteltrace.FlagsSampled, Remote: true,
	}))
}

type traceKey struct{}

// ids makes ids by chance, of a span without a parent in the trace of its
// context.
type ids struct{}

func (g ids) NewIDs(ctx context.Context) (oteltrace.TraceID, oteltrace.SpanID) {
	trace, ok := ctx.Value(traceKey{}).(oteltrace.TraceID)
	for !ok || !trace.IsValid() {
		binary.BigEndian.PutUint64(trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(trace[8:], rand.Uint64())
		ok = true
	}
	return trace, g.NewSpanID(ctx, trace)
}

func (ids) NewSpanID(context.Context, oteltrace.TraceID) oteltrace.SpanID {
	var id oteltrace.SpanID
	for !id.IsValid() {
		binary.BigEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
