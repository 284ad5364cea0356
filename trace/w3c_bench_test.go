package trace

import (
	"context"
	"net/http"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// BenchmarkW3C reads and writes the headers of a call, as Handler and Transport do. The line that is
// written lies in what Transport allocates for the call anyway.
func BenchmarkW3C(b *testing.B) {
	h := http.Header{traceparentHeader: {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "Accept": {"*/*"}}
	b.Run("extract", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !remoteSpanContext(h).IsSampled() {
				b.Fatal("not read")
			}
		}
	})
	b.Run("inject", func(b *testing.B) {
		b.ReportAllocs()
		ctx := oteltrace.ContextWithSpanContext(context.Background(), remoteSpanContext(h))
		var line traceparentLine
		for b.Loop() {
			injectW3C(ctx, h, &line)
		}
	})
}
