package setup

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/propagators/b3"
	"go.opentelemetry.io/contrib/propagators/jaeger"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/pinpoint"
)

// propagator puts together what OTEL_PROPAGATORS asks for. W3C's comes first, because the others give
// way to it, or stand on it; among the others the order is that of the variable.
func (e env) propagator() (_ propagation.TextMapPropagator, withPinpoint bool) {
	names := e.List("OTEL_PROPAGATORS", "tracecontext,baggage",
		"tracecontext", "baggage", "b3", "b3multi", "jaeger", "pinpoint")
	var ps []propagation.TextMapPropagator
	parent, baggage := slices.Contains(names, "tracecontext"), slices.Contains(names, "baggage")
	switch {
	case parent && baggage:
		ps = append(ps, trace.Propagator()) // the same, and faster on HTTP headers
	case parent:
		ps = append(ps, propagation.TraceContext{})
	case baggage:
		ps = append(ps, propagation.Baggage{})
	}
	for _, name := range names {
		switch name {
		case "b3":
			ps = append(ps, giveWay{b3.New(b3.WithInjectEncoding(b3.B3SingleHeader))})
		case "b3multi":
			ps = append(ps, giveWay{b3.New(b3.WithInjectEncoding(b3.B3MultipleHeader))})
		case "jaeger":
			ps = append(ps, giveWay{jaeger.Jaeger{}})
		case "pinpoint":
			app := e.pinpointApp()
			ps = append(ps, pinpoint.Headers(app), pinpoint.TraceState(app))
			withPinpoint = true
		}
	}
	if len(ps) == 1 {
		return ps[0], withPinpoint
	}
	return propagation.NewCompositeTextMapPropagator(ps...), withPinpoint
}

// pinpointApp is who we are in Pinpoint: the resource attributes that its collector reads, or else the
// name of the service.
func (e env) pinpointApp() pinpoint.App {
	attrs := map[string]string{"service.name": e.Get("OTEL_SERVICE_NAME")}
	for entry := range strings.SplitSeq(e.Get("OTEL_RESOURCE_ATTRIBUTES"), ",") {
		key, value, _ := strings.Cut(entry, "=")
		key = strings.TrimSpace(key)
		if decoded, err := url.PathUnescape(strings.TrimSpace(value)); err == nil && attrs[key] == "" {
			attrs[key] = decoded
		}
	}
	app := pinpoint.App{Name: attrs["pinpoint.applicationName"], Service: attrs["pinpoint.serviceName"]}
	if app.Name == "" {
		app.Name = attrs["service.name"]
	}
	if err := app.Check(); err != nil {
		e.Wrong("OTEL_PROPAGATORS", "pinpoint needs a name for this service, from OTEL_SERVICE_NAME or the attribute "+
			"pinpoint.applicationName of OTEL_RESOURCE_ATTRIBUTES: %v", err)
	}
	return app
}

// giveWay leaves a context alone in which another propagator has found a caller already: its own
// headers may be another's leftovers, and a trace must not change its id half-way.
type giveWay struct{ propagation.TextMapPropagator }

// Extract implements [propagation.TextMapPropagator].
func (p giveWay) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	if sc := oteltrace.SpanContextFromContext(ctx); sc.IsValid() && sc.IsRemote() {
		return ctx
	}
	return p.TextMapPropagator.Extract(ctx, c)
}
