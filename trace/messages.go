package trace

import (
	"context"
	"iter"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// maxSenders bounds the links of a batch. The SDK keeps 128 of them unless told otherwise.
const maxSenders = 1024

// received returns ctx with what headers say of the caller: the context of its span, and its baggage
// unless that is longer than is allowed.
func (d *Door) received(ctx context.Context, headers propagation.TextMapCarrier) context.Context {
	ctx = d.cfg.propagation().Extract(ctx, headers)
	if baggage.FromContext(ctx).Len() > 0 && len(headers.Get("baggage")) > d.cfg.maxBaggage {
		ctx = baggage.ContextWithoutBaggage(ctx)
	}
	return ctx
}

// senders returns links to the spans that sent the messages of a batch, each once.
func (d *Door) senders(batch iter.Seq[propagation.TextMapCarrier]) (links []oteltrace.Link) {
	type identity struct {
		trace oteltrace.TraceID
		span  oteltrace.SpanID
	}
	seen := map[identity]bool{}
	p := d.cfg.propagation()
	known := p == (w3c{})
	for headers := range batch {
		var sc oteltrace.SpanContext
		if known {
			sc = spanContextIn(headers)
		} else {
			sc = oteltrace.SpanContextFromContext(p.Extract(context.Background(), headers))
		}
		id := identity{sc.TraceID(), sc.SpanID()}
		if !sc.IsRemote() || seen[id] {
			continue
		}
		if len(links) == maxSenders {
			break
		}
		seen[id] = true
		links = append(links, oteltrace.Link{SpanContext: sc})
	}
	return links
}

// unprompted are the options by which [parentOf] knows a span that needs no parent.
var unprompted = []oteltrace.SpanStartOption{oteltrace.WithSpanKind(oteltrace.SpanKindConsumer)}

func (r Request) prompt() []oteltrace.SpanStartOption {
	if r.Unprompted {
		return unprompted
	}
	return nil
}
