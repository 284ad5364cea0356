package pinpoint

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The headers of Pinpoint's agents.
const (
	headerTraceID    = "Pinpoint-TraceID"
	headerSpanID     = "Pinpoint-SpanID"
	headerParentSpan = "Pinpoint-pSpanID"
	headerSampled    = "Pinpoint-Sampled"
	headerFlags      = "Pinpoint-Flags"
	headerAppName    = "Pinpoint-pAppName"
	headerAppType    = "Pinpoint-pAppType"
)

// notSampled is the only value of Pinpoint-Sampled that is used.
const notSampled = "s0"

// textKey is the member of tracestate that keeps the transaction id.
const textKey = "clew-pp"

// TypeGo is Pinpoint's service type of an application in Go.
const TypeGo = 1800

// App is what a service tells the next one about itself.
type App struct {
	// Name is the application's name in Pinpoint: letters, digits, ".", "_", "-".
	Name string
	// Service is the name of the group of applications, as Pinpoint 4 has it; empty for none.
	Service string
	// Type is Pinpoint's service type; 0 stands for [TypeGo].
	Type int
}

// Check returns an error that says what Pinpoint would not take.
func (a App) Check() error {
	switch {
	case !validName(a.Name):
		return fmt.Errorf("application name %q: Pinpoint takes letters, digits, '.', '_' and '-'", a.Name)
	case a.Service != "" && !validName(a.Service):
		return fmt.Errorf("service name %q: Pinpoint takes letters, digits, '.', '_' and '-'", a.Service)
	}
	return nil
}

func (a App) serviceType() string {
	if a.Type == 0 {
		return strconv.Itoa(TypeGo)
	}
	return strconv.Itoa(a.Type)
}

// Headers returns a propagator for the headers of Pinpoint's agents.
//
// Extract leaves a context alone in which there is a remote span already, and headers that are
// malformed. A request that says only that it is not sampled makes a parent that is not, with ids of
// its own. Inject writes of an unsampled span nothing but that, as Pinpoint's agents do; an app whose
// name [App.Check] refuses is not named.
//
// It is safe for concurrent use and never fails.
func Headers(app App) propagation.TextMapPropagator { return headers{app} }

type headers struct{ app App }

// Fields implements [propagation.TextMapPropagator].
func (headers) Fields() []string {
	return []string{headerTraceID, headerSpanID, headerParentSpan, headerSampled, headerFlags, headerAppName, headerAppType}
}

// Extract implements [propagation.TextMapPropagator].
func (headers) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	if sc := oteltrace.SpanContextFromContext(ctx); sc.IsValid() && sc.IsRemote() {
		return ctx
	}
	text, sampled := c.Get(headerTraceID), c.Get(headerSampled)
	if text == "" && sampled == notSampled {
		return oteltrace.ContextWithRemoteSpanContext(ctx, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: randomTraceID(), SpanID: randomSpanID(), Remote: true,
		}))
	}
	own, ok := parseSpanID(c.Get(headerSpanID))
	if !ok || !wellFormed(text) {
		return ctx
	}
	cfg := oteltrace.SpanContextConfig{TraceID: traceIDOf(text), SpanID: own, TraceFlags: oteltrace.FlagsSampled, Remote: true}
	if caller, ok := parseSpanID(c.Get(headerParentSpan)); ok {
		cfg.SpanID = caller
		ctx = context.WithValue(ctx, decidedKey{}, &decided{id: own, under: caller})
	}
	if sampled == notSampled {
		cfg.TraceFlags = 0
	}
	if state, err := (oteltrace.TraceState{}).Insert(textKey, text); err == nil {
		cfg.TraceState = state
	}
	return oteltrace.ContextWithRemoteSpanContext(ctx, oteltrace.NewSpanContext(cfg))
}

// Inject implements [propagation.TextMapPropagator].
func (h headers) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	sc := oteltrace.SpanContextFromContext(ctx)
	switch {
	case !sc.IsValid():
		return
	case !sc.IsSampled():
		c.Set(headerSampled, notSampled)
		return
	}
	text := sc.TraceState().Get(textKey)
	if !wellFormed(text) || traceIDOf(text) != sc.TraceID() {
		text = textOf(sc.TraceID())
	}
	c.Set(headerTraceID, text)
	c.Set(headerSpanID, formatSpanID(randomSpanID()))
	c.Set(headerParentSpan, formatSpanID(sc.SpanID()))
	c.Set(headerFlags, "0")
	if h.app.Check() == nil {
		c.Set(headerAppName, h.app.Name)
		c.Set(headerAppType, h.app.serviceType())
	}
}

// decided is the span id that a caller has decided on for the span that serves it.
type decided struct {
	id, under oteltrace.SpanID
	taken     atomic.Bool
}

type decidedKey struct{}

// decidedID returns the id decided for a span that is about to start under ctx, once.
func decidedID(ctx context.Context, trace oteltrace.TraceID) (id oteltrace.SpanID, ok bool) {
	d, _ := ctx.Value(decidedKey{}).(*decided)
	if d == nil {
		return id, false
	}
	parent := oteltrace.SpanContextFromContext(ctx)
	if !parent.IsRemote() || parent.SpanID() != d.under || parent.TraceID() != trace || d.taken.Swap(true) {
		return id, false
	}
	return d.id, true
}

func randomTraceID() (id oteltrace.TraceID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id
}

// randomSpanID never returns -1, which is Pinpoint's word for none.
func randomSpanID() (id oteltrace.SpanID) {
	for {
		if n := rand.Uint64(); n != 0 && n != 1<<64-1 {
			binary.BigEndian.PutUint64(id[:], n)
			return id
		}
	}
}
