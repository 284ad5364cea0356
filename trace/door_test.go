package trace_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// TestDoorJoins: a request that goes out through one door and comes in through another is one trace,
// and what the server does is under it.
func TestDoorJoins(t *testing.T) {
	tp := record(t)
	out := trace.NewDoor("", trace.WithTracerProvider(tp))
	in := trace.NewDoor("", trace.WithTracerProvider(tp))
	wire := propagation.MapCarrier{}
	_, sent := out.Begin(bg, trace.Request{Name: "call", Kind: oteltrace.SpanKindClient, Headers: wire})
	if wire["traceparent"] == "" {
		t.Fatal("nothing is written to the headers")
	}
	ctx, got := in.Begin(bg, trace.Request{
		Name: "serve", Kind: oteltrace.SpanKindServer, Headers: wire,
		Attributes: []attribute.KeyValue{attribute.String("bad", "a\xffb")},
	})
	if propagate.Ambient() {
		ctx = bg // the goroutine carries the span
	}
	_, inner := trace.Start(ctx, "work")
	inner.End()
	got.End(nil)
	if r := propagate.Current(); !r.IsZero() {
		t.Errorf("after End the goroutine still carries %v", r.SpanContext())
	}
	sent.End(nil)
	wantParent(t, tp.span(t, "serve"), tp.span(t, "call").SpanContext())
	wantParent(t, tp.span(t, "work"), tp.span(t, "serve").SpanContext())
	if got := attrs(tp.span(t, "serve").Attributes())["bad"]; got != "a\uFFFDb" {
		t.Errorf("attribute that is not UTF-8: %q", got)
	}
	wantRoot(t, tp.span(t, "call"))
}

// TestDoorParents: what comes in never takes its parent from the goroutine, and strangers' are linked.
func TestDoorParents(t *testing.T) {
	tp := record(t)
	outer := trace.NewDoor("", trace.WithTracerProvider(tp))
	octx, o := outer.Begin(bg, trace.Request{Name: "around", Kind: oteltrace.SpanKindConsumer})
	_, p := outer.Begin(bg, trace.Request{Name: "no headers", Kind: oteltrace.SpanKindServer})
	p.End(nil)
	_, p = outer.Begin(octx, trace.Request{Name: "out", Kind: oteltrace.SpanKindProducer})
	p.End(nil)
	o.End(nil)
	wantRoot(t, tp.span(t, "no headers"))
	wantParent(t, tp.span(t, "out"), tp.span(t, "around").SpanContext())

	caller := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}, TraceFlags: 1})
	wire := propagation.MapCarrier{}
	trace.Propagator().Inject(oteltrace.ContextWithSpanContext(bg, caller), wire)
	strangers := trace.NewDoor("", trace.WithTracerProvider(tp), trace.WithLinkedRemote())
	_, p = strangers.Begin(bg, trace.Request{Name: "stranger's", Kind: oteltrace.SpanKindServer, Headers: wire})
	p.End(nil)
	wantRoot(t, tp.span(t, "stranger's"), caller)
}

// TestDoorWithin: a request that has its server span gets no second one, and its end is left to it.
func TestDoorWithin(t *testing.T) {
	tp := record(t)
	door := trace.NewDoor("", trace.WithTracerProvider(tp))
	h := trace.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, p := door.Begin(r.Context(), trace.Request{Name: "second", Kind: oteltrace.SpanKindServer})
		p.End(errors.New("not its affair"))
	}), trace.WithTracerProvider(tp))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	ctx, p := door.Begin(bg, trace.Request{Name: "first", Kind: oteltrace.SpanKindServer})
	_, again := door.Begin(ctx, trace.Request{Name: "again", Kind: oteltrace.SpanKindServer})
	again.End(nil)
	p.End(nil)
	if diff := cmp.Diff([]string{"GET", "first"}, tp.names()); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestDoorFailures(t *testing.T) {
	mp, reader := meter(t)
	tp := record(t)
	door := trace.NewDoor("rpc.server.call.duration", trace.WithTracerProvider(tp), trace.WithMeterProvider(mp))
	begin := func(name string) *trace.Passage {
		_, p := door.Begin(bg, trace.Request{Name: name, Kind: oteltrace.SpanKindServer, Series: []attribute.KeyValue{attribute.String("rpc.method", name)}})
		return p
	}
	p := begin("fine")
	p.End(nil)
	p.End(errors.New("too late"))
	begin("error").End(fmt.Errorf("no: %w", context.DeadlineExceeded))
	begin("word").EndAs("WRONGTYPE", "said \xff")
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("the panic's value became %v", v)
			}
		}()
		p := begin("panic")
		defer p.EndOnPanic()
		panic("boom")
	}()
	for name, want := range map[string]struct {
		code    codes.Code
		message string
		typ     any
	}{
		"fine":  {codes.Unset, "", nil},
		"error": {codes.Error, "no: context deadline exceeded", "timeout"},
		"word":  {codes.Error, "said \uFFFD", "WRONGTYPE"},
		"panic": {codes.Error, "panic: boom", "string"},
	} {
		s := tp.span(t, name)
		if s.Status().Code != want.code || s.Status().Description != want.message || attrs(s.Attributes())["error.type"] != want.typ {
			t.Errorf("%s: %v, error.type %v; want %+v", name, s.Status(), attrs(s.Attributes())["error.type"], want)
		}
	}
	want := []string{
		"error.type=WRONGTYPE rpc.method=word: 1", "error.type=string rpc.method=panic: 1",
		"error.type=timeout rpc.method=error: 1", "rpc.method=fine: 1",
	}
	if diff := cmp.Diff(want, points(collect(t, reader), "rpc.server.call.duration")); diff != "" {
		t.Errorf("metric (-want +got):\n%s", diff)
	}
}

// TestDoorBeganEarlier tells of a request that was over before anybody knew that it is worth a span.
func TestDoorBeganEarlier(t *testing.T) {
	tp := record(t)
	door := trace.NewDoor("", trace.WithTracerProvider(tp))
	start := time.Now().Add(-time.Hour)
	_, p := door.Begin(bg, trace.Request{Name: "exec", Kind: oteltrace.SpanKindClient, Start: start})
	p.End(nil)
	if got := tp.span(t, "exec").StartTime(); !got.Equal(start) {
		t.Errorf("the span began at %v, want %v", got, start)
	}
}

// TestDoorRecord measures what has no span.
func TestDoorRecord(t *testing.T) {
	mp, reader := meter(t)
	door := trace.NewDoor("db.client.operation.duration", trace.WithMeterProvider(mp))
	door.Record(bg, time.Now(), []attribute.KeyValue{attribute.String("db.operation.name", "PING")})
	trace.NewDoor("", trace.WithMeterProvider(mp)).Record(bg, time.Now(), nil)
	if diff := cmp.Diff([]string{"db.operation.name=PING: 1"}, points(collect(t, reader), "db.client.operation.duration")); diff != "" {
		t.Errorf("metric (-want +got):\n%s", diff)
	}
}

func TestDoorMeter(t *testing.T) {
	mp, reader := meter(t)
	c, err := trace.NewDoor("", trace.WithMeterProvider(mp)).Meter().Int64Counter("more")
	if err != nil {
		t.Fatal(err)
	}
	c.Add(bg, 1)
	if m := collect(t, reader); m["more"].Name == "" {
		t.Errorf("the meter's counter is not among %v", m)
	}
	if m := trace.NewDoor("", trace.WithMeterProvider(mp), trace.WithoutMetrics()).Meter(); m != nil {
		t.Errorf("a meter %v without metrics", m)
	}
}

// TestDoorBuckets: a database answers faster than a web server, and the conventions know it.
func TestDoorBuckets(t *testing.T) {
	mp, reader := meter(t)
	for name, want := range map[string]float64{"db.client.operation.duration": 0.001, "rpc.client.call.duration": 0.005} {
		_, p := trace.NewDoor(name, trace.WithMeterProvider(mp)).Begin(bg, trace.Request{Name: "x", Kind: oteltrace.SpanKindClient})
		p.End(nil)
		h, ok := collect(t, reader)[name].Data.(metricdata.Histogram[float64])
		if !ok || len(h.DataPoints) != 1 || h.DataPoints[0].Bounds[0] != want {
			t.Errorf("%s: %+v, want buckets from %v on", name, h, want)
		}
	}
}

// TestDoorSeries: what requests have in common is on span and metric, beside what they have not.
func TestDoorSeries(t *testing.T) {
	mp, reader := meter(t)
	tp := record(t)
	door := trace.NewDoor("x.duration", trace.WithTracerProvider(tp), trace.WithMeterProvider(mp))
	common := trace.NewSeries(attribute.String("b", "1\xff"), attribute.String("a", "1"))
	for i, series := range [][]attribute.KeyValue{nil, {attribute.String("c", "1")}} {
		name := fmt.Sprint("request ", i)
		_, p := door.Begin(bg, trace.Request{Name: name, Kind: oteltrace.SpanKindClient, Common: common, Series: series})
		p.End([]error{nil, context.Canceled}[i])
		if got := attrs(tp.span(t, name).Attributes()); got["a"] != "1" || got["b"] != "1\uFFFD" || (got["c"] == "1") != (i == 1) {
			t.Errorf("%s: %v", name, got)
		}
	}
	want := []string{"a=1 b=1\uFFFD c=1 error.type=canceled: 1", "a=1 b=1\uFFFD: 1"}
	if diff := cmp.Diff(want, points(collect(t, reader), "x.duration")); diff != "" {
		t.Errorf("metric (-want +got):\n%s", diff)
	}
}

// TestDoorWithoutProvider: headers are passed on, nothing else happens.
func TestDoorWithoutProvider(t *testing.T) {
	door := trace.NewDoor("x.duration")
	in := propagation.MapCarrier{"traceparent": exampleTraceparent}
	//nolint:staticcheck // a nil context is the misuse under test
	ctx, p := door.Begin(nil, trace.Request{Name: "serve", Kind: oteltrace.SpanKindServer, Headers: in})
	out := propagation.MapCarrier{}
	_, sent := door.Begin(ctx, trace.Request{Name: "call", Kind: oteltrace.SpanKindClient, Headers: out})
	sent.SetAttributes(attribute.Bool("x", true))
	sent.End(nil)
	p.End(nil)
	if out["traceparent"] != exampleTraceparent {
		t.Errorf("passed on %q", out["traceparent"])
	}
}
