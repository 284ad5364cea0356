// Package tail keeps the traces that matter when few are sampled: a request that failed or was slow is
// kept whole, as far as this process took part in it, although the sampler turned it down at its
// start.
//
//	t := tail.New(tail.Config{Slow: 500 * time.Millisecond}, batcher)
//	tp := sdktrace.NewTracerProvider(
//		sdktrace.WithSampler(t.Sampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01)))),
//		sdktrace.WithSpanProcessor(t))
//
// With trace/setup it is one option: setup.Init(ctx, setup.WithTail(cfg)).
//
// # What it can and what it can't
//
// The decision falls when the local root ends, the span whose parent is remote or absent. Until then
// the spans of the trace are held in memory, within bounds, so that a request which is not sampled
// costs as much as one that is, but for the export. Spans that end after their root follow the
// decision that fell.
//
// Other processes are not told: the headers they got say "not sampled". They keep their part for
// reasons of their own, an error mostly reaching all of them.
//
// A route that fails all the time would bring back what sampling has spared, so that each route keeps
// no more than [Config.PerRoute] traces a second; what is over is counted in [Tail.Stats].
package tail
