package shop

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

const scope = "github.com/clewhq/clew/cmd/clew/internal/shop"

// Propagation is how the shop carries the trace over what context.Context does not reach. The HTTP doors
// are no part of it: W3C headers go out and come in, and a ctx that is at hand is passed on, either way.
type Propagation struct {
	// start begins a span: under the span in ctx, else, with clew, under the one this goroutine works for.
	start func(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span)
	// bind ties a function that somebody else will call to the work it belongs to.
	bind func(f func()) func()
	// ref is what a message carries of the work it belongs to.
	ref func(ctx context.Context) propagate.Ref
}

// With is the shop with clew.
func With() Propagation {
	return Propagation{start: trace.Start, bind: propagate.Bind, ref: propagate.FromContext}
}

// Without is the shop on the plain OpenTelemetry API: a function is called as it is, a message carries
// nothing, and a span has the parent that its ctx names.
func Without() Propagation {
	return Propagation{
		start: func(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
			return otel.Tracer(scope).Start(ctx, name, opts...)
		},
		bind: func(f func()) func() { return f },
		ref:  func(context.Context) propagate.Ref { return propagate.Ref{} },
	}
}

// ParsePropagation reads the value of the flag that names one of the two: on or off.
func ParsePropagation(s string) (Propagation, error) {
	switch s {
	case "on":
		return With(), nil
	case "off":
		return Without(), nil
	}
	return Propagation{}, fmt.Errorf("propagation %q: want on or off", s)
}
