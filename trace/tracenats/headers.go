package tracenats

import (
	"iter"
	"maps"
	"net/textproto"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
)

// The headers of W3C Trace Context.
const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
)

// maxHeader bounds the value that is read of a header, in bytes: no trace context and no baggage that
// W3C has others pass on is longer. A message's headers are whatever its sender likes.
const maxHeader = 8192

// received are the headers of a message that has come in. Nothing is written to them.
type received nats.Header

// Get implements propagation.TextMapCarrier.
func (h received) Get(key string) string {
	values := h[key]
	if len(values) == 0 {
		values = h[textproto.CanonicalMIMEHeaderKey(key)]
	}
	if len(values) == 0 || len(values[len(values)-1]) > maxHeader {
		return ""
	}
	return values[len(values)-1]
}

// Set implements propagation.TextMapCarrier.
func (received) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (h received) Keys() []string {
	keys := make([]string, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	return keys
}

// outgoing is a copy of a message, for propagators to write to. A tracestate that stands there belongs
// to the traceparent that it came with, and goes with it: the message may be one that is sent on.
type outgoing struct {
	received
	state bool // a tracestate has been set
}

// copyOf returns m with headers of its own, and them.
func copyOf(m *nats.Msg) (*nats.Msg, *outgoing) {
	h := make(nats.Header, len(m.Header)+1)
	maps.Copy(h, m.Header)
	return &nats.Msg{Subject: m.Subject, Reply: m.Reply, Header: h, Data: m.Data}, &outgoing{received: received(h)}
}

// Set implements propagation.TextMapCarrier.
func (h *outgoing) Set(key, value string) {
	if key == traceparent && !h.state {
		delete(h.received, tracestate)
		delete(h.received, textproto.CanonicalMIMEHeaderKey(tracestate))
	}
	h.state = h.state || key == tracestate
	delete(h.received, textproto.CanonicalMIMEHeaderKey(key))
	h.received[key] = []string{value}
}

// each are the headers of a batch.
func each[M any](messages []M, headers func(M) nats.Header) iter.Seq[propagation.TextMapCarrier] {
	return func(yield func(propagation.TextMapCarrier) bool) {
		for _, m := range messages {
			if !yield(received(headers(m))) {
				return
			}
		}
	}
}
