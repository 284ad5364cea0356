package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPay checks what the comments in pay promise.
func TestPay(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(provider)
	t.Cleanup(func() { otel.SetTracerProvider(before) })

	server := httptest.NewServer(trace.Handler(service()))
	defer server.Close()
	response, err := http.Post(server.URL+"/pay", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	server.Close() // the request's span ends after its response

	names := map[string]string{}
	for _, s := range spans.Ended() {
		names[s.SpanContext().SpanID().String()] = s.Name()
	}
	got := map[string]string{} // span to parent
	for _, s := range spans.Ended() {
		got[s.Name()] = names[s.Parent().SpanID().String()]
	}
	want := map[string]string{"POST /pay": "", "book the amount": "POST /pay", "send the receipt": "POST /pay"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans and their parents (-want +got):\n%s", diff)
	}
}
