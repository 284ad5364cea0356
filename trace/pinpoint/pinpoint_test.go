package pinpoint_test

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/pinpoint"
)

var (
	shop   = pinpoint.App{Name: "shop-gateway", Service: "shop"}
	fields = pinpoint.Headers(shop)
)

const transaction = "order-7f9c^1763800000123^42"

// sent are the headers of a sampled request from an agent.
func sent() propagation.MapCarrier {
	return propagation.MapCarrier{
		"Pinpoint-TraceID": transaction, "Pinpoint-SpanID": "-6917529027641081856",
		"Pinpoint-pSpanID": "1234567890123", "Pinpoint-Flags": "0",
		"Pinpoint-pAppName": "order", "Pinpoint-pAppType": "1210",
	}
}

func spanID(n int64) (id oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// TestThroughAGoService follows a transaction from an agent through a service and out again.
func TestThroughAGoService(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithIDGenerator(pinpoint.IDGenerator(nil)))
	tracer := tp.Tracer("test")
	ctx := fields.Extract(context.Background(), sent())
	ctx, server := tracer.Start(ctx, "server")
	ctx, client := tracer.Start(ctx, "client")
	out := propagation.MapCarrier{}
	fields.Inject(ctx, out)
	client.End()
	server.End()

	if got, want := server.SpanContext().SpanID(), spanID(-6917529027641081856); got != want {
		t.Errorf("server span has id %s, want %s, which the caller has decided on", got, want)
	}
	if got, want := recorder.Ended()[1].Parent().SpanID(), spanID(1234567890123); got != want {
		t.Errorf("server span's parent is %s, want the caller's %s", got, want)
	}
	if id := client.SpanContext().SpanID(); id == server.SpanContext().SpanID() {
		t.Error("the client span has the id that was decided for the server's")
	}
	callee, err := strconv.ParseInt(out["Pinpoint-SpanID"], 10, 64)
	if err != nil || callee == 0 || callee == -1 {
		t.Errorf("no span id is decided for the callee: %q", out["Pinpoint-SpanID"])
	}
	delete(out, "Pinpoint-SpanID")
	clientID := client.SpanContext().SpanID()
	want := propagation.MapCarrier{
		"Pinpoint-TraceID": transaction,
		"Pinpoint-pSpanID": strconv.FormatInt(int64(binary.BigEndian.Uint64(clientID[:])), 10),
		"Pinpoint-Flags":   "0", "Pinpoint-pAppName": "shop-gateway", "Pinpoint-pAppType": "1800",
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("what the next service gets (-want +got):\n%s", diff)
	}
}

// TestDecidedOnce: of two spans under the same remote parent only one can have the id.
func TestDecidedOnce(t *testing.T) {
	g := pinpoint.IDGenerator(nil)
	ctx := fields.Extract(context.Background(), sent())
	traceID := oteltrace.SpanContextFromContext(ctx).TraceID()
	if other := (oteltrace.TraceID{1}); g.NewSpanID(ctx, other) == spanID(-6917529027641081856) {
		t.Error("a span of another trace got the id")
	}
	first, second := g.NewSpanID(ctx, traceID), g.NewSpanID(ctx, traceID)
	if first != spanID(-6917529027641081856) || second == first || !second.IsValid() {
		t.Errorf("ids %s and %s", first, second)
	}
	if id, span := g.NewIDs(ctx); !id.IsValid() || !span.IsValid() {
		t.Errorf("NewIDs = %s, %s", id, span)
	}
}

// TestOverW3C keeps the transaction id across services that speak W3C only, and a trace id across
// services that speak Pinpoint only.
func TestOverW3C(t *testing.T) {
	w3c := trace.Propagator()
	both := propagation.NewCompositeTextMapPropagator(w3c, fields)

	hop := propagation.MapCarrier{}
	w3c.Inject(fields.Extract(context.Background(), sent()), hop)
	out := propagation.MapCarrier{}
	both.Inject(both.Extract(context.Background(), hop), out)
	if got := out["Pinpoint-TraceID"]; got != transaction {
		t.Errorf("behind a service that speaks W3C the transaction is %q, want %q", got, transaction)
	}

	began := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{0xff, 2, 3, 15: 0xfe}, SpanID: oteltrace.SpanID{9}, TraceFlags: oteltrace.FlagsSampled,
	})
	out = propagation.MapCarrier{}
	fields.Inject(oteltrace.ContextWithSpanContext(context.Background(), began), out)
	if agent, _, _ := strings.Cut(out["Pinpoint-TraceID"], "^"); len(agent) > 24 {
		t.Errorf("agent id %q is longer than Pinpoint takes", agent)
	}
	back := oteltrace.SpanContextFromContext(fields.Extract(context.Background(), out))
	if back.TraceID() != began.TraceID() {
		t.Errorf("trace id %s came back as %s", began.TraceID(), back.TraceID())
	}

	// A request that brings both goes on in W3C's trace.
	mixed := sent()
	w3c.Inject(oteltrace.ContextWithSpanContext(context.Background(), began), mixed)
	if got := oteltrace.SpanContextFromContext(both.Extract(context.Background(), mixed)); got.TraceID() != began.TraceID() {
		t.Errorf("W3C's trace %s gave way to %s", began.TraceID(), got.TraceID())
	}
}

func TestNotSampled(t *testing.T) {
	ctx := fields.Extract(context.Background(), propagation.MapCarrier{"Pinpoint-Sampled": "s0"})
	sc := oteltrace.SpanContextFromContext(ctx)
	if !sc.IsValid() || !sc.IsRemote() || sc.IsSampled() {
		t.Errorf("s0 alone makes %+v, want an unsampled remote parent", sc)
	}
	tp := sdktrace.NewTracerProvider()
	_, span := tp.Tracer("test").Start(ctx, "server")
	if span.IsRecording() {
		t.Error("a span under s0 records")
	}
	out := propagation.MapCarrier{}
	fields.Inject(ctx, out)
	if diff := cmp.Diff(propagation.MapCarrier{"Pinpoint-Sampled": "s0"}, out); diff != "" {
		t.Errorf("an unsampled span injects (-want +got):\n%s", diff)
	}
	withIDs := sent()
	withIDs["Pinpoint-Sampled"] = "s0"
	if sc := oteltrace.SpanContextFromContext(fields.Extract(context.Background(), withIDs)); !sc.IsValid() || sc.IsSampled() {
		t.Errorf("s0 beside ids makes %+v", sc)
	}
}

func TestMalformed(t *testing.T) {
	for name, change := range map[string]func(propagation.MapCarrier){
		"nothing":                 func(c propagation.MapCarrier) { clear(c) },
		"no span id":              func(c propagation.MapCarrier) { delete(c, "Pinpoint-SpanID") },
		"span id -1":              func(c propagation.MapCarrier) { c["Pinpoint-SpanID"] = "-1" },
		"span id in hex":          func(c propagation.MapCarrier) { c["Pinpoint-SpanID"] = "ab12" },
		"span id too large":       func(c propagation.MapCarrier) { c["Pinpoint-SpanID"] = "9223372036854775808" },
		"transaction of two":      func(c propagation.MapCarrier) { c["Pinpoint-TraceID"] = "a^1" },
		"transaction of four":     func(c propagation.MapCarrier) { c["Pinpoint-TraceID"] = "a^1^2^3" },
		"start is no number":      func(c propagation.MapCarrier) { c["Pinpoint-TraceID"] = "a^b^3" },
		"agent with a comma":      func(c propagation.MapCarrier) { c["Pinpoint-TraceID"] = "a,b^1^3" },
		"agent with a line break": func(c propagation.MapCarrier) { c["Pinpoint-TraceID"] = "a\nb^1^3" },
		"agent too long":          func(c propagation.MapCarrier) { c["Pinpoint-TraceID"] = strings.Repeat("a", 25) + "^1^3" },
	} {
		t.Run(name, func(t *testing.T) {
			c := sent()
			change(c)
			if got := fields.Extract(context.Background(), c); got != context.Background() {
				t.Errorf("context is %v, want what came in", got)
			}
		})
	}
	out := propagation.MapCarrier{}
	fields.Inject(context.Background(), out)
	if len(out) > 0 {
		t.Errorf("without a span %v is written", out)
	}
	c := sent()
	c["Pinpoint-pSpanID"] = "-1" // the caller is where the transaction began
	if got := oteltrace.SpanContextFromContext(fields.Extract(context.Background(), c)).SpanID(); got != spanID(-6917529027641081856) {
		t.Errorf("without a parent the span id is %s", got)
	}
}

func TestTraceState(t *testing.T) {
	state, err := oteltrace.ParseTraceState("other=1,pp=app:old")
	if err != nil {
		t.Fatal(err)
	}
	ctx := oteltrace.ContextWithSpanContext(context.Background(), oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}, TraceState: state,
	}))
	w3c := trace.Propagator()
	tests := []struct {
		name string
		app  pinpoint.App
		want string
	}{
		{"all", pinpoint.App{Name: "gateway", Service: "shop", Type: 1210}, "pp=svc:shop;app:gateway;type:1210,other=1"},
		{"name only", pinpoint.App{Name: "gateway"}, "pp=app:gateway;type:1800,other=1"},
		{"a name Pinpoint refuses", pinpoint.App{Name: "a b"}, "other=1,pp=app:old"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := propagation.MapCarrier{}
			propagation.NewCompositeTextMapPropagator(w3c, pinpoint.TraceState(tt.app)).Inject(ctx, out)
			if got := out["tracestate"]; got != tt.want {
				t.Errorf("tracestate: %s, want %s", got, tt.want)
			}
			if (tt.app.Check() == nil) != (tt.name != "a name Pinpoint refuses") {
				t.Errorf("Check: %v", tt.app.Check())
			}
		})
	}
	out := propagation.MapCarrier{}
	pinpoint.TraceState(shop).Inject(ctx, out)
	if len(out) > 0 {
		t.Errorf("without a traceparent %v is written", out)
	}
	if err := (pinpoint.App{Name: "a", Service: "b;c"}).Check(); err == nil || !strings.Contains(err.Error(), `"b;c"`) {
		t.Errorf("Check of a bad service name: %v", err)
	}
}

// FuzzExtract: whatever a client sends, what goes on is well formed, and is what came in.
func FuzzExtract(f *testing.F) {
	f.Add(transaction, "5", "7", "")
	f.Add("c.AQIDBAUGBwgJCgsMDQ4PEA^0^0", "-5", "-1", "s0")
	f.Add("c.####^0^0", "x", "", "s1")
	f.Add("", "", "", "s0")
	f.Fuzz(func(t *testing.T, text, span, parent, sampled string) {
		in := propagation.MapCarrier{
			"Pinpoint-TraceID": text, "Pinpoint-SpanID": span, "Pinpoint-pSpanID": parent, "Pinpoint-Sampled": sampled,
		}
		ctx := fields.Extract(context.Background(), in)
		sc := oteltrace.SpanContextFromContext(ctx)
		if !sc.IsValid() {
			return
		}
		out := propagation.MapCarrier{}
		fields.Inject(ctx, out)
		if !sc.IsSampled() {
			if len(out) != 1 || out["Pinpoint-Sampled"] != "s0" {
				t.Fatalf("unsampled: %v", out)
			}
			return
		}
		again := oteltrace.SpanContextFromContext(fields.Extract(context.Background(), out))
		if again.TraceID() != sc.TraceID() {
			t.Fatalf("trace %s became %s on the way through %v", sc.TraceID(), again.TraceID(), out)
		}
		if out["Pinpoint-TraceID"] != text {
			t.Fatalf("transaction %q became %q", text, out["Pinpoint-TraceID"])
		}
	})
}
