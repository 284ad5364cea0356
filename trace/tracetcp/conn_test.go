package tracetcp

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

var bg = context.Background()

// rig is a tracer of the digits framing, whose telegrams begin with their type.
type rig struct {
	*Tracer
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	t.Cleanup(func() { _, _ = tp.Shutdown(bg), mp.Shutdown(bg) })
	cfg.Framing = Framing{Digits: 4}
	cfg.Name = func(b []byte) string { return string(b[:4]) }
	var err error
	if r.Tracer, err = New(cfg, trace.WithTracerProvider(tp), trace.WithMeterProvider(mp)); err != nil {
		t.Fatal(err)
	}
	return r
}

// pair returns both ends of a connection, and what Serve returns, with the handler on one of them.
func (r *rig) pair(ctx context.Context, t *testing.T, h Handler) (net.Conn, <-chan error) {
	t.Helper()
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx, far, h) }()
	t.Cleanup(func() { _ = near.Close() })
	return near, served
}

func echo(_ context.Context, telegram []byte) ([]byte, error) { return telegram, nil }

// byKind returns the one span of the kind.
func (r *rig) byKind(t *testing.T, k oteltrace.SpanKind) (found sdktrace.ReadOnlySpan) {
	t.Helper()
	for _, s := range r.spans.Ended() {
		if s.SpanKind() == k {
			if found != nil {
				t.Fatalf("two %s spans", k)
			}
			found = s
		}
	}
	if found == nil {
		t.Fatalf("no %s span", k)
	}
	return found
}

// TestCall: with the preamble both sides are one trace, without it two; the telegrams are the same.
func TestCall(t *testing.T) {
	for _, preamble := range []bool{true, false} {
		r := newRig(t, Config{})
		near, served := r.pair(bg, t, echo)
		c := r.Client(near)
		if preamble {
			c.EnablePreamble()
		}
		answer, err := c.Call(bg, []byte("0200 authorize"))
		if err != nil || string(answer) != "0200 authorize" {
			t.Fatalf("answer %q, %v", answer, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		client, server := r.byKind(t, oteltrace.SpanKindClient), r.byKind(t, oteltrace.SpanKindServer)
		if client.Name() != "0200" || server.Name() != "0200" {
			t.Errorf("spans are called %s and %s", client.Name(), server.Name())
		}
		if got := server.Parent().SpanID() == client.SpanContext().SpanID(); got != preamble {
			t.Errorf("with preamble %v: the server's span is under the client's: %v", preamble, got)
		}
	}
}

// TestUnknowing: a server that does not know the preamble is never sent one unasked.
func TestUnknowing(t *testing.T) {
	r := newRig(t, Config{})
	near, far := net.Pipe()
	c := r.Client(near)
	got := make(chan string, 1)
	go func() {
		b := make([]byte, 8)
		_, _ = io.ReadFull(far, b)
		got <- string(b)
	}()
	if err := c.Send(bg, []byte("0800")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "00040800" {
		t.Errorf("sent %q", s)
	}
	_, _ = far.Close(), c.Close()
}

func TestFailures(t *testing.T) {
	r := newRig(t, Config{})
	near, served := r.pair(bg, t, func(_ context.Context, b []byte) ([]byte, error) {
		if string(b) == "0220" {
			return []byte("sorry"), errors.New("no such card")
		}
		return nil, errors.New("not understood")
	})
	c := r.Client(near)
	if answer, err := c.Call(bg, []byte("0220")); err != nil || string(answer) != "sorry" {
		t.Errorf("answer %q, %v", answer, err)
	}
	if s := r.byKind(t, oteltrace.SpanKindServer); s.Status().Code != codes.Error || s.Status().Description != "no such card" {
		t.Errorf("the server's span is %+v", s.Status())
	}
	if _, err := c.Call(bg, []byte("0230")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a call without an answer: %v", err)
	}
	if err := <-served; err == nil || err.Error() != "not understood" {
		t.Errorf("Serve: %v", err)
	}
	if _, err := c.Call(bg, []byte("0240")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a call behind a failed one: %v", err)
	}
}

// TestCancelled: a call ends with its context, on whichever side it waits.
func TestCancelled(t *testing.T) {
	r := newRig(t, Config{})
	asked := make(chan struct{}, 1)
	hold := make(chan struct{})
	ctx, cancel := context.WithCancel(bg)
	near, served := r.pair(ctx, t, func(context.Context, []byte) ([]byte, error) { asked <- struct{}{}; <-hold; return nil, nil })
	c := r.Client(near)
	callCtx, cancelCall := context.WithCancel(bg)
	failed := make(chan error, 1)
	go func() { _, err := c.Call(callCtx, []byte("0200")); failed <- err }()
	<-asked
	waiting, stopWaiting := context.WithCancel(bg)
	stopWaiting()
	if err := c.Send(waiting, []byte("0201")); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that waits for another: %v", err)
	}
	cancelCall()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("the call: %v", err)
	}
	cancel()
	close(hold)
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: %v", err)
	}
}

func TestHandlerPanics(t *testing.T) {
	r := newRig(t, Config{})
	near, far := net.Pipe()
	panicked := make(chan any, 1)
	go func() {
		defer func() { panicked <- recover() }()
		_ = r.Serve(bg, far, func(context.Context, []byte) ([]byte, error) { panic("boom") })
	}()
	if err := r.Client(near).Send(bg, []byte("0200")); err != nil {
		t.Fatal(err)
	}
	if v := <-panicked; v != "boom" {
		t.Errorf("the panic's value became %v", v)
	}
	if s := r.byKind(t, oteltrace.SpanKindServer); s.Status().Description != "panic: boom" {
		t.Errorf("the span is %+v", s.Status())
	}
	_ = near.Close()
}

// TestMalformed: a preamble that cannot be used is counted and the telegram served, or it is an error.
func TestMalformed(t *testing.T) {
	const wire = "\xFECTX\x07\x00\x00\x03abc" + "00040800"
	for _, strict := range []bool{false, true} {
		r := newRig(t, Config{Strict: strict})
		var served []string
		near, done := r.pair(bg, t, func(_ context.Context, b []byte) ([]byte, error) { served = append(served, string(b)); return nil, nil })
		go func() { // a strict server hangs up before all is written
			_, _ = io.WriteString(near, wire)
			_ = near.Close()
		}()
		err := <-done
		want := []string{"0800"}
		if strict {
			want = nil
		}
		if errors.Is(err, ErrPreamble) != strict || !strict && err != nil {
			t.Errorf("strict %v: Serve: %v", strict, err)
		}
		if diff := cmp.Diff(want, served); diff != "" {
			t.Errorf("strict %v: served (-want +got):\n%s", strict, diff)
		}
		var rm metricdata.ResourceMetrics
		if err := r.reader.Collect(bg, &rm); err != nil {
			t.Fatal(err)
		}
		counted := int64(0)
		for _, m := range rm.ScopeMetrics[0].Metrics {
			if m.Name == "clew.trace.malformed_preambles" {
				counted = m.Data.(metricdata.Sum[int64]).DataPoints[0].Value
			}
		}
		if counted != 1 {
			t.Errorf("strict %v: counted %d", strict, counted)
		}
	}
}

func TestName(t *testing.T) {
	r := newRig(t, Config{})
	if got := r.name([]byte("12")); got != "telegram" { // the function panics on it
		t.Errorf("a short telegram is called %q", got)
	}
	plain, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := plain.name([]byte(strings.Repeat("4", 16))); got != "telegram" {
		t.Errorf("without a function a telegram is called %q", got)
	}
}
