package propagate

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testSpan is a span whose end the test decides on.
type testSpan struct {
	oteltrace.Span
	sc    oteltrace.SpanContext
	ended atomic.Bool
}

func (s *testSpan) SpanContext() oteltrace.SpanContext       { return s.sc }
func (s *testSpan) IsRecording() bool                        { return !s.ended.Load() }
func (s *testSpan) End(opts ...oteltrace.SpanEndOption)      { s.ended.Store(true) }
func (s *testSpan) TracerProvider() oteltrace.TracerProvider { return nil }

var spanIDs atomic.Uint64

func newSpan(flags oteltrace.TraceFlags) *testSpan {
	n := spanIDs.Add(1)
	var (
		trace oteltrace.TraceID
		span  oteltrace.SpanID
	)
	binary.BigEndian.PutUint64(trace[:], 0xabcd<<48|n)
	binary.BigEndian.PutUint64(span[:], n)
	return &testSpan{sc: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: trace, SpanID: span, TraceFlags: flags})}
}

func sampled() *testSpan { return newSpan(oteltrace.FlagsSampled) }

// newRef returns a Ref for a new sampled root span.
func newRef() Ref { return New(sampled(), Ref{}) }

// want fails unless got is the Ref expected.
func want(t *testing.T, what string, got, expected Ref) {
	t.Helper()
	if got != expected {
		t.Errorf("%s: got span %s, want %s", what, got.SpanContext().SpanID(), expected.SpanContext().SpanID())
	}
}

// needAmbient skips a test that is about what goroutines carry.
func needAmbient(t testing.TB) {
	t.Helper()
	if !Ambient() {
		t.Skip("goroutines carry nothing under propagate_noambient")
	}
}

var bg = context.Background()

// waitFor polls until ok, for at most 20 seconds.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}
