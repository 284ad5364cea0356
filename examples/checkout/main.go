// Command checkout is the smallest service that clew follows. Start clew view,
// then it, then ask it for a payment:
//
//	go run ./cmd/clew view &
//	OTEL_SERVICE_NAME=checkout OTEL_METRICS_EXPORTER=none go run ./examples/checkout &
//	curl -X POST http://127.0.0.1:8080/pay
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/setup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := serve(ctx, "127.0.0.1:8080"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve serves addr until ctx is done.
func serve(ctx context.Context, addr string) (err error) {
	shutdown, err := setup.Init(ctx) // where spans go is said by the OTEL_* variables
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(context.Background())) }()

	server := &http.Server{Addr: addr, Handler: trace.Handler(service())}
	drained := make(chan error, 1)
	context.AfterFunc(ctx, func() { drained <- server.Shutdown(context.Background()) })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-drained // requests that are being served end, with their spans
}

func service() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay", pay)
	return mux
}

func pay(w http.ResponseWriter, _ *http.Request) {
	var both sync.WaitGroup
	both.Go(book)    // no context is handed over, yet
	both.Go(receipt) // both spans are children of the request's
	both.Wait()
	fmt.Fprintln(w, "paid")
}

func book() {
	_, span := trace.Start(context.Background(), "book the amount")
	defer span.End()
}

func receipt() {
	_, span := trace.Start(context.Background(), "send the receipt")
	defer span.End()
}
