package trace_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// senders are the headers of n messages, of which each second is of the one before it, and of some that
// are nobody's.
func senders(n int) iter.Seq[propagation.TextMapCarrier] {
	return func(yield func(propagation.TextMapCarrier) bool) {
		for i := range n {
			if !yield(propagation.MapCarrier{"traceparent": fmt.Sprintf("00-0af7651916cd43dd8448eb211c80319c-%016x-01", i/2+1)}) {
				return
			}
		}
		_ = yield(propagation.MapCarrier{}) && yield(propagation.MapCarrier{"traceparent": "00-nonsense"})
	}
}

// TestDoorBatch: a batch is linked to those who sent it, each once, and a bounded number of them.
func TestDoorBatch(t *testing.T) {
	for _, tt := range []struct{ messages, links int }{{0, 0}, {2, 1}, {7, 4}, {5000, 1024}} {
		tp := record(t)
		door := trace.NewDoor("", trace.WithTracerProvider(tp))
		_, p := door.Begin(bg, trace.Request{Name: "batch", Kind: oteltrace.SpanKindConsumer, Batch: senders(tt.messages)})
		p.End(nil)
		s := tp.span(t, "batch")
		if n := len(s.Links()) + s.DroppedLinks(); n != tt.links || s.Parent().IsValid() {
			t.Errorf("%d messages: %d links under %v, want %d and no parent", tt.messages, n, s.Parent(), tt.links)
		}
	}
}

// TestDoorBaggage: what a sender hands in is bounded, as a Handler's is.
func TestDoorBaggage(t *testing.T) {
	for _, tt := range []struct {
		name string
		opts []trace.Option
		long int
		kept bool
	}{
		{"little", nil, 100, true},
		{"a stranger's little", []trace.Option{trace.WithLinkedRemote()}, 100, true},
		{"a stranger's much", []trace.Option{trace.WithLinkedRemote()}, 1000, false},
		{"much", nil, 1000, true},
		{"more than allowed", []trace.Option{trace.WithMaxBaggage(99)}, 100, false},
	} {
		door := trace.NewDoor("", append(tt.opts, trace.WithTracerProvider(record(t)))...)
		in := propagation.MapCarrier{"traceparent": exampleTraceparent, "baggage": "k=" + strings.Repeat("x", tt.long)}
		ctx, p := door.Begin(bg, trace.Request{Name: "serve", Kind: oteltrace.SpanKindServer, Headers: in})
		if kept := baggage.FromContext(ctx).Len() == 1; kept != tt.kept {
			t.Errorf("%s: baggage kept %v", tt.name, kept)
		}
		p.End(nil)
	}
}

// TestDoorUnprompted: what a program does of itself has lost nobody's context.
func TestDoorUnprompted(t *testing.T) {
	tp := record(t)
	door := trace.NewDoor("", trace.WithTracerProvider(tp))
	count := func() (n uint64) {
		for site := range propagate.Lost() {
			n += site.Count
		}
		return n
	}
	before := count()
	start := time.Now().Add(-time.Hour)
	_, p := door.Begin(bg, trace.Request{Name: "poll", Kind: oteltrace.SpanKindClient, Unprompted: true, Start: start})
	if p.ErrorType() != "" {
		t.Errorf("error.type %q before the end", p.ErrorType())
	}
	p.End(errors.New("no"))
	if got := p.ErrorType(); got != "*errors.errorString" {
		t.Errorf("error.type %q", got)
	}
	if n := count(); n != before {
		t.Errorf("%d lost contexts, were %d", n, before)
	}
}
