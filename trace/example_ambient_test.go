//go:build !propagate_noambient

package trace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/clewhq/clew/trace"
)

// A span around a piece of work. A goroutine started inside of it needs no context to find it.
func ExampleStart() {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	handle := trace.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, span := trace.Start(context.Background(), "book")
			defer span.End()
		}()
		<-done
	}), trace.WithTracerProvider(tp))
	handle.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/pay", nil))

	book, request := spans.Ended()[0], spans.Ended()[1]
	fmt.Println(book.Name(), "is under", request.Name(), book.Parent().SpanID() == request.SpanContext().SpanID())
	// Output: book is under POST true
}
