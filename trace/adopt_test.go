package trace_test

import (
	"net/http"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// otelhttp, further in, asks the request's span for a tracer and starts a server span of its own.
// (With the real one: tools/rivals.)
func TestOtelhttpFurtherInGetsOurSpan(t *testing.T) {
	const otelhttp = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	r := record(t)
	url, c := serve(t, trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		ours := oteltrace.SpanFromContext(req.Context())
		remote := theirs.Extract(req.Context(), propagationHeader(req.Header)) // hides ours
		ctx, s := ours.TracerProvider().Tracer(otelhttp).Start(remote, "theirs", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
		s.SetName("their name")
		if oteltrace.SpanFromContext(ctx) != ours || s.SpanContext().SpanID() != ours.SpanContext().SpanID() {
			t.Errorf("went on with %v", oteltrace.SpanContextFromContext(ctx))
		}
		_, other := s.TracerProvider().Tracer(otelhttp).Start(ctx, "a client's", oteltrace.WithSpanKind(oteltrace.SpanKindClient))
		other.End()
		_, own := ours.TracerProvider().Tracer("the program").Start(ctx, "its own", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
		own.End()
		s.End()
		if !ours.IsRecording() {
			t.Error("their End ended ours")
		}
	}), trace.WithTracerProvider(r)))
	get(t, c, url, "Traceparent", exampleTraceparent)
	server := r.span(t, "GET")
	wantParent(t, r.span(t, "a client's"), server.SpanContext())
	wantParent(t, r.span(t, "its own"), server.SpanContext())
	if n := len(r.spans.Ended()); n != 3 {
		t.Errorf("spans %v", r.names())
	}
}
