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
	p := h.cfg.propagation()
	known := p == (w3c{})
	if known {
		ctx = extractW3C(ctx, r.Header)
	} else {
		ctx = p.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	if n := length(r.Header[baggageHeader]); n > h.cfg.maxBaggage {
		ctx = baggage.ContextWithoutBaggage(ctx)
		h.metrics.ignored(ctx, "baggage")
	} else if n > 0 && known && baggage.FromContext(ctx).Len() == 0 {
		h.metrics.ignored(ctx, "baggage")
	}
	if len(r.Header[traceparentHeader]) > 0 && known {
		switch sc := oteltrace.SpanContextFromContext(ctx); {
		case !sc.IsRemote():
			h.metrics.ignored(ctx, "traceparent")
		case sc.TraceState().Len() == 0 && length(r.Header[tracestateHeader]) > 0:
			h.metrics.ignored(ctx, "tracestate")
		}
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
