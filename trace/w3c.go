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
	ctx = propagation.TraceContext{}.Extract(ctx, c)
	return propagation.Baggage{}.Extract(ctx, c)
}

// Inject implements [propagation.TextMapPropagator].
func (w3c) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	if h, ok := c.(propagation.HeaderCarrier); ok {
		injectW3C(ctx, http.Header(h), new(traceparentLine))
		return
	}
	propagation.TraceContext{}.Inject(ctx, c)
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
	if sc := oteltrace.SpanContextFromContext(ctx); sc.IsValid() {
		h[traceparentHeader] = line.write(sc)
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
	c, ok := parseTraceparent(v[0])
	if !ok {
		return oteltrace.SpanContext{}
	}
	if ts := h[tracestateHeader]; len(ts) > 0 {
		// A bad tracestate must not cost the traceparent (W3C Trace Context, section 3.3.1).
		c.TraceState, _ = oteltrace.ParseTraceState(strings.Join(ts, ","))
	}
	c.Remote = true
	return oteltrace.NewSpanContext(c)
}

// parseTraceparent reads version "-" trace-id "-" parent-id "-" trace-flags as W3C Trace Context,
// section 3.2, has it. Later versions may carry more after another dash, version 00 may not.
func parseTraceparent(s string) (c oteltrace.SpanContextConfig, ok bool) {
	if len(s) < traceparentLen || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return c, false
	}
	if len(s) > traceparentLen && s[traceparentLen] != '-' {
		return c, false
	}
	ends, ok := unhex8(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[53])<<16 | uint64(s[54])<<24 | zeros<<32)
	if !ok || !unhex(c.TraceID[:], s[3:35]) || !unhex(c.SpanID[:], s[36:52]) {
		return c, false
	}
	version, flags := byte(ends), byte(ends>>8)
	known := oteltrace.FlagsSampled | oteltrace.FlagsRandom
	switch {
	case version == 0xff:
		return c, false
	case version == 0 && (len(s) != traceparentLen || oteltrace.TraceFlags(flags)&^known != 0):
		return c, false
	}
	c.TraceFlags = oteltrace.TraceFlags(flags) & known
	return c, c.TraceID.IsValid() && c.SpanID.IsValid()
}

// unhex decodes hex digits into dst, whose length is a multiple of four.
func unhex(dst []byte, s string) bool {
	all := true
	for i := 0; i < len(dst); i += 4 {
		v, ok := unhex8(word(s[2*i:]))
		binary.LittleEndian.PutUint32(dst[i:], v)
		all = all && ok
	}
	return all
}

// hexInto encodes src, whose length is a multiple of four, into dst.
func hexInto(dst, src []byte) {
	for i := 0; i < len(src); i += 4 {
		binary.LittleEndian.PutUint64(dst[2*i:], hex8(binary.LittleEndian.Uint32(src[i:])))
	}
}

// traceparentLine is a header's value and the slice that holds it in one piece, so that whoever has
// something to allocate anyway needs nothing more for it. It is written once.
type traceparentLine struct {
	text  [traceparentLen]byte
	lines [1]string
}

func (l *traceparentLine) write(sc oteltrace.SpanContext) []string {
	b := &l.text
	traceID, spanID := sc.TraceID(), sc.SpanID()
	flags := uint32(sc.TraceFlags() & (oteltrace.FlagsSampled | oteltrace.FlagsRandom))
	b[0], b[1], b[2], b[35], b[52] = '0', '0', '-', '-', '-'
	hexInto(b[3:35], traceID[:])
	hexInto(b[36:52], spanID[:])
	binary.LittleEndian.PutUint16(b[53:], uint16(hex8(flags)))
	l.lines[0] = unsafe.String(&b[0], len(b)) // nobody writes to text again
	return l.lines[:]
}
