package provider

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

// wire is a client that keeps what would have gone over the network.
type wire struct {
	sent []byte
	err  error
}

func (*wire) Start(context.Context) error { return nil }
func (*wire) Stop(context.Context) error  { return nil }
func (w *wire) UploadTraces(_ context.Context, rs []*tracepb.ResourceSpans) (err error) {
	if w.err == nil {
		w.sent, err = proto.Marshal(&tracepb.TracesData{ResourceSpans: rs})
	}
	return errors.Join(w.err, err)
}

func (w *wire) decoded(t *testing.T) []*tracepb.ResourceSpans {
	t.Helper()
	var d tracepb.TracesData
	if err := proto.Unmarshal(w.sent, &d); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(d.ResourceSpans, func(a, b *tracepb.ResourceSpans) int { return proto.Size(a) - proto.Size(b) }) // theirs come out of a map
	return d.ResourceSpans
}

func remoteContext(n byte, state string, remote bool) oteltrace.SpanContext {
	ts, err := oteltrace.ParseTraceState(state)
	if err != nil {
		panic(err)
	}
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{n, 15: n}, SpanID: oteltrace.SpanID{n}, TraceFlags: oteltrace.TraceFlags(n & 3), TraceState: ts, Remote: remote,
	})
}

// everything has spans with all that a span can have, of two scopes and two resources, some of them
// empty, in an order that mixes them.
func everything() []sdktrace.ReadOnlySpan {
	start := time.Unix(1_700_000_000, 123_456_789)
	all := []attribute.KeyValue{
		attribute.String("string", "ü"), attribute.String("", ""), attribute.Int("int", -1), attribute.Int64("max", math.MaxInt64),
		attribute.Bool("yes", true), attribute.Bool("no", false), attribute.Float64("pi", math.Pi), attribute.Float64("zero", 0),
		attribute.StringSlice("strings", []string{"a", "", "b"}), attribute.IntSlice("ints", []int{0, -5, 300}),
		attribute.BoolSlice("bools", []bool{true, false}), attribute.Float64Slice("floats", []float64{0, 1.5}),
		attribute.StringSlice("many", slices.Repeat([]string{"0123456789"}, 2000)), attribute.StringSlice("empty", nil), attribute.String("long", string(make([]byte, 20_000))),
		attribute.ByteSlice("bytes", []byte{0, 0xff}), attribute.Slice("slice", attribute.StringValue("x"), attribute.IntValue(1)),
		attribute.Map("map", attribute.String("k", "v"), attribute.Map("in", attribute.Bool("b", true))),
	}
	shop := resource.NewWithAttributes("https://schema.example/1", attribute.String("service.name", "shop"), attribute.Int("n", 1))
	scopes := []instrumentation.Scope{
		{Name: "one", Version: "1.0", SchemaURL: "https://schema.example/2", Attributes: attribute.NewSet(attribute.String("a", "b"))},
		{Name: "two"},
	}
	stubs := tracetest.SpanStubs{
		{
			Name: "full", SpanContext: remoteContext(1, "a=1,b=2", false), Parent: remoteContext(2, "", true), SpanKind: oteltrace.SpanKindServer,
			StartTime: start, EndTime: start.Add(time.Second), Attributes: all, DroppedAttributes: 1, DroppedEvents: 2, DroppedLinks: 3,
			Events: []sdktrace.Event{{Name: "e", Time: start, Attributes: all, DroppedAttributeCount: 4}, {Time: start}},
			Links:  []sdktrace.Link{{SpanContext: remoteContext(3, "", true), Attributes: all[4:12], DroppedAttributeCount: 5}, {SpanContext: remoteContext(4, "", false)}},
			Status: sdktrace.Status{Code: codes.Error, Description: "why"}, Resource: shop, InstrumentationScope: scopes[0],
		},
		{SpanContext: remoteContext(5, "", false), Resource: shop, InstrumentationScope: scopes[1]},
		{
			Name: "ok", SpanContext: remoteContext(6, "", false), Parent: remoteContext(1, "", false), SpanKind: oteltrace.SpanKindClient,
			Status: sdktrace.Status{Code: codes.Ok}, StartTime: start, EndTime: start, Resource: shop, InstrumentationScope: scopes[0],
		},
		{Name: "elsewhere", SpanContext: remoteContext(7, "", false), SpanKind: oteltrace.SpanKindProducer, Resource: resource.Empty()},
		{Name: "consumer", SpanContext: remoteContext(8, "", false), SpanKind: oteltrace.SpanKindConsumer, Resource: shop, InstrumentationScope: scopes[1]},
		{Name: "before 1970", SpanContext: remoteContext(9, "", false), StartTime: time.Unix(-5, 0), EndTime: time.Unix(-4, 0), SpanKind: oteltrace.SpanKindInternal, Resource: shop},
	}
	return stubs.Snapshots()
}

// TestExporterSendsWhatTheirsSends decodes what both send for the same spans, in a batch and in the one
// after it.
func TestExporterSendsWhatTheirsSends(t *testing.T) {
	want, got := &wire{}, &wire{}
	theirs, err := otlptrace.New(bg, want)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := NewExporter(bg, got)
	if err != nil {
		t.Fatal(err)
	}
	spans := everything()
	for i, batch := range [][]sdktrace.ReadOnlySpan{spans, spans[1:2], spans[:4], spans} {
		if err := errors.Join(theirs.ExportSpans(bg, batch), ours.ExportSpans(bg, batch)); err != nil {
			t.Fatal(err)
		}
		a, b := &tracepb.TracesData{ResourceSpans: want.decoded(t)}, &tracepb.TracesData{ResourceSpans: got.decoded(t)}
		if !proto.Equal(a, b) {
			t.Errorf("batch %d (-theirs +ours):\n%s", i, cmp.Diff(a, b, protocmp.Transform()))
		}
		if len(got.sent) < 100 {
			t.Errorf("batch %d: nothing was compared", i)
		}
	}
}

// The trace state of a link is lost in theirs.
func TestExporterKeepsLinksTraceState(t *testing.T) {
	w := &wire{}
	e, err := NewExporter(bg, w)
	if err != nil {
		t.Fatal(err)
	}
	s := tracetest.SpanStub{SpanContext: remoteContext(1, "", false), Links: []sdktrace.Link{{SpanContext: remoteContext(2, "vendor=x", true)}}}
	if err := e.ExportSpans(bg, []sdktrace.ReadOnlySpan{s.Snapshot()}); err != nil {
		t.Fatal(err)
	}
	if got := w.decoded(t)[0].ScopeSpans[0].Spans[0].Links[0].TraceState; got != "vendor=x" {
		t.Errorf("trace state %q", got)
	}
}

// A batch that could not be sent is not sent again with the next one.
func TestExporterForgetsABatch(t *testing.T) {
	w := &wire{err: errors.New("no")}
	e, err := NewExporter(bg, w)
	if err != nil {
		t.Fatal(err)
	}
	spans := everything()
	if err := e.ExportSpans(bg, spans); !errors.Is(err, w.err) {
		t.Errorf("error %v, want the client's", err)
	}
	w.err = nil
	if err := e.ExportSpans(bg, spans[1:2]); err != nil {
		t.Error(err)
	}
	if rs := w.decoded(t); len(rs) != 1 || len(rs[0].ScopeSpans) != 1 || len(rs[0].ScopeSpans[0].Spans) != 1 {
		t.Errorf("sent %v", rs)
	}
}

// TestExporterAllocatesByBatch, not by span.
func TestExporterAllocatesByBatch(t *testing.T) {
	w := &wire{err: errors.New("taken")} // nothing is marshalled
	e, err := NewExporter(bg, w)
	if err != nil {
		t.Fatal(err)
	}
	one := everything()[2:3]
	var many []sdktrace.ReadOnlySpan
	for range 500 {
		many = append(many, one...)
	}
	if n := testing.AllocsPerRun(20, func() { _ = e.ExportSpans(bg, many) }); n > 100 {
		t.Errorf("%v allocations for %d spans", n, len(many))
	}
}
