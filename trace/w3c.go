package trace

import (
	"context"
	"encoding/binary"
	"net/http"
	"strings"
	"unsafe"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Header names in the canonical form in which net/http keeps them.
const (
	traceparentHeader = "Traceparent"
	tracestateHeader  = "Tracestate"
	baggageHeader     = "Baggage"
)

// traceparentLen is the length of a version 00 traceparent: 2-32-16-2 hex digits joined by dashes.
const traceparentLen = 55

// Propagator returns what [Handler] and [Transport] use when neither an option nor
// [go.opentelemetry.io/otel.SetTextMapPropagator] names another: W3C Trace Context and W3C Baggage.
//
// It behaves as OpenTelemetry's own two propagators put together, except that it follows the
// specification where a request repeats a header: several traceparent lines are as good as none,
// several tracestate lines are one list. On the headers of net/http it does not allocate to read a
// traceparent.
func Propagator() propagation.TextMapPropagator { return w3c{} }

type w3c struct{}

// Fields implements [propagation.TextMapPropagator].
func (w3c) Fields() []string { return []string{"traceparent", "tracestate", "baggage"} }

// Extract implements [propagation.TextMapPropagator].
func (w3c) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	if h, ok := c.(propagation.HeaderCarrier); ok {
		return extractW3C(ctx, http.Header(h))
	}
	if sc := spanContextIn(c); sc.IsValid() {
		ctx = oteltrace.ContextWithRemoteSpanContext(ctx, sc)
	}
	return propagation.Baggage{}.Extract(ctx, c)
}

// Inject implements [propagation.TextMapPropagator].
func (w3c) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	if h, ok := c.(propagation.HeaderCarrier); ok {
		injectW3C(ctx, http.Header(h), new(traceparentLine))
		return
	}
	if sc := oteltrace.SpanContextFromContext(ctx); sc.IsValid() {
		c.Set("traceparent", new(traceparentLine).write(&sc)[0])
		if ts := sc.TraceState(); ts.Len() > 0 {
			c.Set("tracestate", ts.String())
		}
	}
	propagation.Baggage{}.Inject(ctx, c)
}

func extractW3C(ctx context.Context, h http.Header) context.Context {
	if sc := remoteSpanContext(h); sc.IsValid() {
		ctx = oteltrace.ContextWithRemoteSpanContext(ctx, sc)
	}
	if len(h[baggageHeader]) > 0 {
		ctx = propagation.Baggage{}.Extract(ctx, propagation.HeaderCarrier(h))
	}
	return ctx
}

func injectW3C(ctx context.Context, h http.Header, line *traceparentLine) {
	sc := oteltrace.SpanFromContext(ctx).SpanContext()
	if lines := line.write(&sc); lines != nil {
		h[traceparentHeader] = lines
		if ts := sc.TraceState(); ts.Len() > 0 {
			h[tracestateHeader] = []string{ts.String()}
		}
	}
	if b := baggage.FromContext(ctx); b.Len() > 0 {
		h[baggageHeader] = []string{b.String()}
	}
}

// remoteSpanContext reads the W3C headers; what it answers is invalid when they are absent or malformed.
func remoteSpanContext(h http.Header) oteltrace.SpanContext {
	v := h[traceparentHeader]
	if len(v) != 1 {
		return oteltrace.SpanContext{}
	}
	return spanContextOf(v[0], strings.Join(h[tracestateHeader], ","))
}

// spanContextIn reads them of another carrier.
func spanContextIn(c propagation.TextMapCarrier) oteltrace.SpanContext {
	return spanContextOf(c.Get("traceparent"), c.Get("tracestate"))
}

// spanContextOf reads the values of the two headers.
func spanContextOf(traceparent, tracestate string) oteltrace.SpanContext {
	var c oteltrace.SpanContextConfig
	if !parseTraceparent(&c, traceparent) {
		return oteltrace.SpanContext{}
	}
	if tracestate != "" {
		// A bad tracestate must not cost the traceparent (W3C Trace Context, section 3.3.1).
		c.TraceState, _ = oteltrace.ParseTraceState(tracestate)
	}
	c.Remote = true
	return oteltrace.NewSpanContext(c)
}

const knownFlags = oteltrace.FlagsSampled | oteltrace.FlagsRandom

// parseTraceparent reads version "-" trace-id "-" parent-id "-" trace-flags as W3C Trace Context,
// section 3.2, has it, into c. Version 00 is those 55 bytes, and has two flags.
func parseTraceparent(c *oteltrace.SpanContextConfig, s string) bool {
	if len(s) < traceparentLen || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	if s[0] == '0' && s[1] == '0' {
		flags := s[54] - '0'
		if len(s) != traceparentLen || s[53] != '0' || flags > byte(knownFlags) {
			return false
		}
		c.TraceFlags = oteltrace.TraceFlags(flags)
	} else if !laterFlags(c, s) {
		return false
	}
	var high, low, span, bad1, bad2, bad3 uint64
	high, bad1 = unhex16(s[3:19])
	low, bad2 = unhex16(s[19:35])
	span, bad3 = unhex16(s[36:52])
	binary.LittleEndian.PutUint64(c.TraceID[:8], high)
	binary.LittleEndian.PutUint64(c.TraceID[8:], low)
	binary.LittleEndian.PutUint64(c.SpanID[:], span)
	return bad1|bad2|bad3 == 0 && high|low != 0 && span != 0
}

// laterFlags reads what surrounds the ids in a version that we don't know: it may carry more after
// another dash, and more flags. There will never be a version ff.
func laterFlags(c *oteltrace.SpanContextConfig, s string) bool {
	if len(s) > traceparentLen && s[traceparentLen] != '-' {
		return false
	}
	ends, bad := unhex8(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[53])<<16 | uint64(s[54])<<24 | zeros&^0xffffffff)
	c.TraceFlags = oteltrace.TraceFlags(ends>>8) & knownFlags
	return bad == 0 && byte(ends) != 0xff
}

// traceparentLine is a header's value and the slice that holds it in one piece, so that whoever has
// something to allocate anyway needs nothing more for it. It is written once.
type traceparentLine struct {
	text  [traceparentLen]byte
	lines [1]string
}

// write returns nil for a context that is not valid.
func (l *traceparentLine) write(sc *oteltrace.SpanContext) []string {
	b := &l.text
	traceID, spanID := sc.TraceID(), sc.SpanID()
	high, low := binary.LittleEndian.Uint64(traceID[:8]), binary.LittleEndian.Uint64(traceID[8:])
	span := binary.LittleEndian.Uint64(spanID[:])
	if high|low == 0 || span == 0 {
		return nil
	}
	b[0], b[1], b[2], b[35], b[52] = '0', '0', '-', '-', '-'
	b[53], b[54] = '0', '0'+byte(sc.TraceFlags()&knownFlags)
	hex16(b[3:19], high)
	hex16(b[19:35], low)
	hex16(b[36:52], span)
	l.lines[0] = unsafe.String(&b[0], len(b)) // nobody writes to text again
	return l.lines[:]
}
