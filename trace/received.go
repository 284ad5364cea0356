package trace

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// received returns the context of r with what its headers say of the caller. Whatever is wrong with
// them is ignored, and counted.
func (h *handler) received(r *http.Request) context.Context {
	ctx := r.Context()
	bag := length(r.Header[baggageHeader])
	if p := h.cfg.propagation(); p != (w3c{}) {
		ctx = p.Extract(ctx, propagation.HeaderCarrier(r.Header))
		if bag > h.cfg.maxBaggage {
			ctx = baggage.ContextWithoutBaggage(ctx)
			h.metrics.ignored(ctx, "baggage")
		}
		return ctx
	}
	sc := remoteSpanContext(r.Header)
	switch valid := sc.IsValid(); {
	case valid:
		ctx = oteltrace.ContextWithSpanContext(ctx, sc)
		if sc.TraceState().Len() == 0 && length(r.Header[tracestateHeader]) > 0 {
			h.metrics.ignored(ctx, "tracestate")
		}
	case len(r.Header[traceparentHeader]) > 0:
		h.metrics.ignored(ctx, "traceparent")
	}
	if bag == 0 {
		return ctx
	}
	if bag <= h.cfg.maxBaggage {
		ctx = propagation.Baggage{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	if bag > h.cfg.maxBaggage || baggage.FromContext(ctx).Len() == 0 {
		ctx = baggage.ContextWithoutBaggage(ctx)
		h.metrics.ignored(ctx, "baggage")
	}
	return ctx
}

// length is that of a header's lines put together.
func length(lines []string) (n int) {
	for _, line := range lines {
		n += len(line)
	}
	return n
}

// ignored counts a request whose header of that name was of no use.
func (in *instruments) ignored(ctx context.Context, header string) {
	if in != nil {
		in.malformed.Add(ctx, 1, metric.WithAttributes(attribute.String("clew.header", header)))
	}
}
