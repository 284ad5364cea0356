package pinpoint

import (
	"context"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Generator makes ids; it is the IDGenerator of OpenTelemetry's SDK.
type Generator interface {
	NewIDs(ctx context.Context) (oteltrace.TraceID, oteltrace.SpanID)
	NewSpanID(ctx context.Context, traceID oteltrace.TraceID) oteltrace.SpanID
}

// IDGenerator returns a generator for sdktrace.WithIDGenerator that gives the first span under a
// context of [Headers] the id that the caller has decided on. All other ids are base's; a nil base
// makes them at random.
func IDGenerator(base Generator) Generator {
	if base == nil {
		base = random{}
	}
	return generator{base}
}

type generator struct{ Generator }

// NewSpanID implements [Generator].
func (g generator) NewSpanID(ctx context.Context, traceID oteltrace.TraceID) oteltrace.SpanID {
	if id, ok := decidedID(ctx, traceID); ok {
		return id
	}
	return g.Generator.NewSpanID(ctx, traceID)
}

type random struct{}

// NewIDs implements [Generator].
func (random) NewIDs(context.Context) (oteltrace.TraceID, oteltrace.SpanID) {
	return randomTraceID(), randomSpanID()
}

// NewSpanID implements [Generator].
func (random) NewSpanID(context.Context, oteltrace.TraceID) oteltrace.SpanID { return randomSpanID() }
