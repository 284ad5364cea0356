package trace_test

import (
	"context"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

var theirs = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

const exampleTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// FuzzPropagator holds ours against OpenTelemetry's own: what one reads the other reads, and what
// is written is the same.
func FuzzPropagator(f *testing.F) {
	for _, s := range []string{
		exampleTraceparent,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-04",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-more",
		"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
		"", "-", "00--b7ad6b7169203331-01",
	} {
		f.Add(s, "a=b,c=d", "k=v;p=1,x=y")
	}
	f.Add(exampleTraceparent, "not a tracestate", "=,;")
	f.Fuzz(func(t *testing.T, traceparent, tracestate, bag string) {
		in := http.Header{"Traceparent": {traceparent}}
		if tracestate != "" {
			in["Tracestate"] = []string{tracestate}
		}
		if bag != "" {
			in["Baggage"] = []string{bag}
		}
		got := trace.Propagator().Extract(bg, propagation.HeaderCarrier(in))
		want := theirs.Extract(bg, propagation.HeaderCarrier(in))
		if g, w := oteltrace.SpanContextFromContext(got), oteltrace.SpanContextFromContext(want); !g.Equal(w) {
			t.Fatalf("read %q, %q as %+v, want %+v", traceparent, tracestate, g, w)
		}
		if g, w := baggage.FromContext(got).Len(), baggage.FromContext(want).Len(); g != w {
			t.Fatalf("read %d members of baggage %q, want %d", g, bag, w)
		}
		sameInjection(want, t)
	})
}

// Every byte, in every place of a traceparent: digits are read eight at a time, and one that is none
// must not be made up for by its neighbours.
func TestEveryByteOfATraceparent(t *testing.T) {
	read := func(p propagation.TextMapPropagator, s string) oteltrace.SpanContext {
		return oteltrace.SpanContextFromContext(p.Extract(bg, propagation.HeaderCarrier{"Traceparent": {s}}))
	}
	valid := 0
	for _, line := range []string{exampleTraceparent, "cc" + exampleTraceparent[2:] + "-more", "00-ffffffffffffffffffffffffffffffff-0000000000000009-03"} {
		for i := range line {
			for b := range 256 {
				s := line[:i] + string([]byte{byte(b)}) + line[i+1:]
				got, want := read(trace.Propagator(), s), read(theirs, s)
				if !got.Equal(want) {
					t.Fatalf("%q was read as %+v, want %+v", s, got, want)
				}
				if want.IsValid() {
					valid++
				}
			}
		}
	}
	if valid < 1000 {
		t.Errorf("only %d of them were valid", valid)
	}
}

func sameInjection(ctx context.Context, t *testing.T) {
	t.Helper()
	got, want := http.Header{}, http.Header{}
	trace.Propagator().Inject(ctx, propagation.HeaderCarrier(got))
	theirs.Inject(ctx, propagation.HeaderCarrier(want))
	for _, name := range []string{"Traceparent", "Tracestate"} {
		if got.Get(name) != want.Get(name) {
			t.Fatalf("wrote %s %q, want %q", name, got.Get(name), want.Get(name))
		}
	}
	// The order of baggage members is the library's to choose, each time anew.
	if len(got.Get("Baggage")) != len(want.Get("Baggage")) || len(got) != len(want) {
		t.Fatalf("wrote %v, want %v", got, want)
	}
}

func TestRepeatedHeaders(t *testing.T) {
	read := func(h http.Header) oteltrace.SpanContext {
		return oteltrace.SpanContextFromContext(trace.Propagator().Extract(bg, propagation.HeaderCarrier(h)))
	}
	if sc := read(http.Header{"Traceparent": {exampleTraceparent, exampleTraceparent}}); sc.IsValid() {
		t.Errorf("two traceparents were read as %v, want none", sc)
	}
	sc := read(http.Header{"Traceparent": {exampleTraceparent}, "Tracestate": {"a=1", "b=2"}})
	if got := sc.TraceState().String(); got != "a=1,b=2" {
		t.Errorf("tracestate %q, want both lines", got)
	}
}

func TestOtherCarriers(t *testing.T) {
	c := propagation.MapCarrier{"traceparent": exampleTraceparent, "baggage": "k=v"}
	ctx := trace.Propagator().Extract(bg, c)
	out := propagation.MapCarrier{}
	trace.Propagator().Inject(ctx, out)
	if out["traceparent"] != exampleTraceparent || out["baggage"] != "k=v" {
		t.Errorf("%v came out as %v", c, out)
	}
	if got := trace.Propagator().Fields(); len(got) != 3 {
		t.Errorf("fields %v", got)
	}
}

func TestExtractingNothingAllocatesNothing(t *testing.T) {
	h := propagation.HeaderCarrier{"Accept": {"*/*"}, "Traceparent": {"00-not a traceparent of the right length and shape-.....-01"}}
	p := trace.Propagator()
	if n := testing.AllocsPerRun(100, func() { p.Extract(bg, h) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
