// Command redisreply asks questions over Redis and is called back when the
// answers come: a request leaves its goroutine, waits without one, and goes on
// on another. Each stays one trace, and the time it waited is on its span.
//
//	go run ./examples/redisreply            # with a Redis in this process
//	REDIS_ADDR=127.0.0.1:6379 go run ./examples/redisreply
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/setup"
)

func main() {
	ctx := context.Background()
	if err := run(ctx, os.Getenv("REDIS_ADDR"), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run asks three questions and prints the answers.
func run(ctx context.Context, addr string, out io.Writer) (err error) {
	shutdown, err := setup.Init(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutdown(ctx)) }()
	if addr == "" {
		redisHere, err := miniredis.Run()
		if err != nil {
			return err
		}
		defer redisHere.Close()
		addr = redisHere.Addr()
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { err = errors.Join(err, client.Close()) }()

	stop, err := Serve(ctx, client, func(_ context.Context, q string) string { return "an answer to " + q })
	if err != nil {
		return err
	}
	defer stop()
	asker, err := NewAsker(ctx, client, 2*time.Second)
	if err != nil {
		return err
	}
	defer asker.Close()
	for _, q := range []string{"who", "where", "why"} {
		if err := ask(ctx, asker, q, out); err != nil {
			return err
		}
	}
	return nil
}

// ask is a request: its goroutine could as well return to a pool while the
// answer is on its way; here it waits for the callback to be done.
func ask(ctx context.Context, asker *Asker, question string, out io.Writer) error {
	ctx, span := trace.Start(ctx, "question")
	defer span.End()
	done := make(chan error, 1)
	asker.Ask(ctx, question, func(_ context.Context, answer string, err error) {
		if err == nil {
			_, err = fmt.Fprintf(out, "%s: %s\n", question, answer)
		}
		done <- err
	})
	return <-done
}
