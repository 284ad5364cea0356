package profile

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime/pprof"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// LabelRoute is the label of CPU samples that [Routes] adds to trace_id and span_id, in a form that
// Pyroscope can query.
const LabelRoute = "http_route"

// IDKey is the attribute by which Grafana finds the samples of a span: its value is their label span_id.
const IDKey = attribute.Key("pyroscope.profile.id")

// Spans returns a processor that gives every span that is sampled the attribute [IDKey].
func Spans() sdktrace.SpanProcessor { return spans{} }

type spans struct{}

// OnStart implements [sdktrace.SpanProcessor].
func (p spans) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) { p.AtStart(ctx, s) }

// AtStart is all that OnStart does, for providers that have no span processors, such as package
// provider's.
func (spans) AtStart(_ context.Context, s oteltrace.Span) {
	if sc := s.SpanContext(); sc.IsSampled() {
		s.SetAttributes(IDKey.String(sc.SpanID().String()))
	}
}

// OnEnd implements [sdktrace.SpanProcessor].
func (spans) OnEnd(sdktrace.ReadOnlySpan) {}

// ForceFlush implements [sdktrace.SpanProcessor].
func (spans) ForceFlush(context.Context) error { return nil }

// Shutdown implements [sdktrace.SpanProcessor].
func (spans) Shutdown(context.Context) error { return nil }

// Routes returns mux such that the goroutine that serves a request, and those it starts, have the
// label [LabelRoute]. It asks mux for the route beforehand, which costs as much as the routing itself. A
// request for which mux has no route gets none.
func Routes(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		slash := strings.IndexByte(pattern, '/') // behind the method and the host
		if slash < 0 {
			mux.ServeHTTP(w, r)
			return
		}
		pprof.Do(r.Context(), pprof.Labels(LabelRoute, pattern[slash:]), func(ctx context.Context) {
			inner := r.WithContext(ctx)
			defer func() { r.Pattern = inner.Pattern }() // for who stands around and reads it
			mux.ServeHTTP(w, inner)
		})
	})
}

// withoutURL takes the URL out of an error of http.Client: it names the service and all tags.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
