package trace_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/clewhq/clew/trace"
)

// A server: one Handler around the mux, whatever is in it.
func ExampleHandler() {
	spans := tracetest.NewSpanRecorder() // in a program, trace/setup exports them
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /payments/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "payment %s", r.PathValue("id"))
	})
	server := httptest.NewServer(trace.Handler(mux, trace.WithTracerProvider(tp)))

	resp, err := server.Client().Get(server.URL + "/payments/42")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	server.Close()

	fmt.Println(string(body))
	fmt.Println(spans.Ended()[0].Name())
	// Output:
	// payment 42
	// GET /payments/{id}
}

// A client: the request's context, or the goroutine, says whose work it is.
func ExampleTransport() {
	client := &http.Client{Transport: trace.Transport(nil)}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	defer client.CloseIdleConnections()

	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }() // the span ends here
	fmt.Println(resp.StatusCode)
	// Output: 404
}

// Routers other than http.ServeMux say what their route is.
func ExampleSetRoute() {
	router := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace.SetRoute(r.Context(), "/users/:name")
		fmt.Fprint(w, "hello")
	})
	w := httptest.NewRecorder()
	trace.Handler(router).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/users/ada", nil))
	fmt.Println(w.Body)
	// Output: hello
}
