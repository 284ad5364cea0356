package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/propagate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"

// TestServer asks everything the server knows over one connection, and looks
// at what is recorded.
func TestServer(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	defer otel.SetTracerProvider(before)

	blocked := make(chan propagate.Blocked, 1)
	s, err := newServer("127.0.0.1:0", propagate.LoopConfig{
		BlockedAfter: 20 * time.Millisecond,
		OnBlocked: func(b propagate.Blocked) {
			if strings.Contains(b.Stack, "epoll.hash (") {
				blocked <- b
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()

	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	replies := bufio.NewScanner(conn)
	for _, c := range []struct{ ask, want string }{
		{"PING", "PONG"},
		{"LOOKUP a", "value of a"},
		{"HASH x", "ERR HASH x: want a number of rounds from 1 to 1e8"},
		{"NO", `ERR unknown command "NO": want PING, LOOKUP key or HASH rounds`},
		{"HASH 2000000", "9d57f1cc"},
	} {
		if _, err := fmt.Fprintf(conn, "00-%s-00f067aa0ba902b7-01 %s\n", traceID, c.ask); err != nil {
			t.Fatal(err)
		}
		if !replies.Scan() {
			t.Fatal(replies.Err())
		}
		if got := replies.Text(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.ask, got, c.want)
		}
	}
	if b := <-blocked; b.Span.TraceID().String() != traceID {
		t.Errorf("the loop was blocked by trace %s", b.Span.TraceID())
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	steps := map[string]int{}
	for _, span := range spans.Ended() {
		if span.SpanContext().TraceID().String() != traceID {
			t.Errorf("%s is in trace %s", span.Name(), span.SpanContext().TraceID())
		}
		steps[span.Name()]++
	}
	for name, n := range map[string]int{"command": 5, "ping": 1, "lookup": 1, "found": 1, "hash": 2, "no": 1} {
		if steps[name] != n {
			t.Errorf("%d spans called %q, want %d", steps[name], name, n)
		}
	}
}

func TestListenErrors(t *testing.T) {
	for _, addr := range []string{"", "localhost", "[::1]:0", "203.0.113.1:1"} {
		if s, err := newServer(addr, propagate.LoopConfig{}); err == nil || !strings.Contains(err.Error(), "listen on "+addr) {
			t.Errorf("%q: %v, %v", addr, s, err)
		}
	}
}
