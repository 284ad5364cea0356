package main

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	var out bytes.Buffer
	if err := run(t.Context(), "", &out); err != nil {
		t.Fatal(err)
	}
	const expect = "who: an answer to who\nwhere: an answer to where\nwhy: an answer to why\n"
	if out.String() != expect {
		t.Errorf("got %q, want %q", out.String(), expect)
	}
}

// record makes a recorder the program's provider for the test.
func record(t *testing.T) *tracetest.SpanRecorder {
	spans := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return spans
}

func connect(t *testing.T) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// TestOneTrace follows a question to the other side and back.
func TestOneTrace(t *testing.T) {
	spans, client := record(t), connect(t)
	stop, err := Serve(t.Context(), client, func(_ context.Context, q string) string { return q + "!" })
	if err != nil {
		t.Fatal(err)
	}
	asker, err := NewAsker(t.Context(), client, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, request := trace.Start(t.Context(), "request")
	got := make(chan string, 1)
	asker.Ask(ctx, "hello", func(ctx context.Context, answer string, err error) {
		if err != nil {
			t.Error(err)
		}
		if propagate.FromContext(ctx).SpanContext().TraceID() != request.SpanContext().TraceID() {
			t.Error("the callback runs in another trace")
		}
		got <- answer
	})
	if answer := <-got; answer != "hello!" {
		t.Errorf("answer %q", answer)
	}
	request.End()
	asker.Close()
	stop()
	parents := map[string]string{}
	names := map[string]string{}
	for _, s := range spans.Ended() {
		names[s.SpanContext().SpanID().String()] = s.Name()
		if s.SpanContext().TraceID() != request.SpanContext().TraceID() {
			t.Errorf("%s is in a trace of its own", s.Name())
		}
	}
	for _, s := range spans.Ended() {
		parents[s.Name()] = names[s.Parent().SpanID().String()]
	}
	for child, parent := range map[string]string{"answer": "request", "serve question": "answer", "reply": "answer"} {
		if p, ok := parents[child]; !ok || p != parent {
			t.Errorf("parent of %q: %q, want %q", child, p, parent)
		}
	}
}

// TestTimeout asks where nobody answers.
func TestTimeout(t *testing.T) {
	record(t)
	asker, err := NewAsker(t.Context(), connect(t), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	asker.Ask(t.Context(), "hello", func(_ context.Context, _ string, err error) { got <- err })
	if err := <-got; !errors.Is(err, errNoAnswer) {
		t.Errorf("err = %v", err)
	}
	asker.Close()
}
