package pinpoint

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

const (
	traceparentHeader = "traceparent"
	tracestateHeader  = "tracestate"
	parentKey         = "pp"
)

// TraceState returns a propagator that tells Pinpoint's collector, by way of the callee's spans, who
// called: it puts the member pp=svc:SERVICE;app:NAME;type:TYPE in front of the tracestate that another
// propagator, which must come before it, has written beside a traceparent. It reads nothing: what
// comes in is W3C's tracestate, which the SDK keeps.
//
// An app whose name [App.Check] refuses is not told.
func TraceState(app App) propagation.TextMapPropagator {
	if app.Check() != nil {
		return propagation.NewCompositeTextMapPropagator()
	}
	value := "app:" + app.Name + ";type:" + app.serviceType()
	if app.Service != "" {
		value = "svc:" + app.Service + ";" + value
	}
	return traceState{value}
}

type traceState struct{ value string }

// Fields implements [propagation.TextMapPropagator].
func (traceState) Fields() []string { return []string{tracestateHeader} }

// Extract implements [propagation.TextMapPropagator].
func (traceState) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context {
	return ctx
}

// Inject implements [propagation.TextMapPropagator].
func (p traceState) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	if c.Get(traceparentHeader) == "" {
		return
	}
	state, err := oteltrace.SpanContextFromContext(ctx).TraceState().Insert(parentKey, p.value)
	if err != nil {
		return // no member of ours is malformed
	}
	c.Set(tracestateHeader, state.String())
}
