package provider

import (
	"io"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// drain is a receiver without a network.
type drain struct{}

func (drain) RoundTrip(r *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, err
}

// BenchmarkSpan is a span of eight attributes, on the goroutine that makes it; spanprice in tools/rivals
// compares it with the SDK, export included.
func BenchmarkSpan(b *testing.B) {
	newProvider := func(b *testing.B, opts ...Option) *Provider {
		p, err := New(append(opts, env(), WithBlocking(), WithHTTPClient(&http.Client{Transport: drain{}}))...)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = p.Shutdown(bg) })
		b.ReportAllocs()
		return p
	}
	b.Run("api", func(b *testing.B) {
		tr := newProvider(b).Tracer("bench")
		for b.Loop() {
			_, s := tr.Start(bg, "GET /items/{id}", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
			s.SetAttributes(attribute.String("http.request.method", "GET"), attribute.String("url.path", "/items/7"), attribute.String("url.scheme", "https"),
				attribute.String("server.address", "api.example.com"), attribute.Int("server.port", 8443), attribute.String("http.route", "/items/{id}"),
				attribute.String("network.protocol.version", "1.1"), attribute.Int("http.response.status_code", 200))
			s.End()
		}
	})
	b.Run("direct", func(b *testing.B) {
		tr := newProvider(b).Direct("bench")
		constant := NewAttributes(attribute.String("http.request.method", "GET"), attribute.String("url.scheme", "https"),
			attribute.String("server.address", "api.example.com"), attribute.Int("server.port", 8443), attribute.String("http.route", "/items/{id}"),
			attribute.String("network.protocol.version", "1.1"))
		for b.Loop() {
			_, s := tr.Begin(bg, oteltrace.SpanContext{}, "GET /items/{id}", oteltrace.SpanKindServer, time.Time{})
			s.Set(constant)
			s.SetString("url.path", "/items/7")
			s.SetInt("http.response.status_code", 200)
			s.End()
		}
	})
}
