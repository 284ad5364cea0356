package propagate

import (
	"context"
	"encoding/hex"
	"runtime/pprof"
)

// officialLabels returns ctx's labels with those of a sampled c added, as
// runtime/pprof makes them: the way without any knowledge of the layout.
func officialLabels(ctx context.Context, c *cell) any {
	if !c.sampled() {
		return ctx.Value(pprofKey)
	}
	ctx = pprof.WithLabels(ctx, pprof.Labels(
		"span_id", hex.EncodeToString(c.spn[:]),
		"trace_id", hex.EncodeToString(c.trace[:])))
	return ctx.Value(pprofKey)
}

// officialWithout returns ctx's labels without the two that name a span.
func officialWithout(ctx context.Context) any {
	var kept []string
	pprof.ForLabels(ctx, func(k, v string) bool {
		if k != "span_id" && k != "trace_id" {
			kept = append(kept, k, v)
		}
		return true
	})
	return pprof.WithLabels(context.Background(), pprof.Labels(kept...)).Value(pprofKey)
}
