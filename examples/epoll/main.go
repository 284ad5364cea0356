// Command epoll is a server on an event loop of its own: one goroutine waits
// for sockets with epoll, another runs what they ask for, one task after the
// other. It speaks lines: the trace context and a command.
//
//	go run ./examples/epoll &
//	printf '%s\n' '- PING' | nc -q 1 127.0.0.1:7071
//
// PING answers at once; LOOKUP key suspends until its answer is there, without
// a goroutine; HASH n computes on the loop, which it should not: the loop says
// where and for which request it was blocked.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace/setup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "127.0.0.1:7071"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) (err error) {
	shutdown, err := setup.Init(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(context.Background())) }()
	s, err := newServer(addr, propagate.LoopConfig{
		Name:         "epoll",
		BlockedAfter: 50 * time.Millisecond,
		OnBlocked: func(b propagate.Blocked) {
			fmt.Fprintf(os.Stderr, "trace %s blocks the loop for %v at\n%s", b.Span.TraceID(), b.Running, b.Stack)
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "serving", s.addr)
	return s.run(ctx)
}
