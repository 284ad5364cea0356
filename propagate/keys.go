package propagate

import (
	"context"
	"reflect"
	"runtime/pprof"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// The private context keys of OpenTelemetry and runtime/pprof, learnt by
// letting their own functions ask a context of ours. A key that cannot be
// learnt is one that nobody asks for.
var (
	otelKey = askedFor(func(ctx context.Context) { oteltrace.SpanFromContext(ctx) })

	pprofKey = askedFor(func(ctx context.Context) { pprof.Label(ctx, "") })

	// keysKnown reports whether a refCtx is a context for OpenTelemetry by itself.
	keysKnown = otelKey != any(unasked{})
)

type unasked struct{ _ byte }

// probe is a context that notes the keys it is asked for.
type probe struct {
	context.Context
	asked []any
}

func (p *probe) Value(key any) any {
	p.asked = append(p.asked, key)
	return nil
}

// askedFor returns the one key that f asks its context for.
func askedFor(f func(context.Context)) any {
	p := &probe{Context: context.Background()}
	f(p)
	if len(p.asked) != 1 || p.asked[0] == nil || !reflect.TypeOf(p.asked[0]).Comparable() {
		return unasked{}
	}
	return p.asked[0]
}

// setLabels sets the running goroutine's labels to those of ctx, by the
// official way.
func setLabels(ctx context.Context) { pprof.SetGoroutineLabels(ctx) }
