package propagate

import "context"

// Ambient reports whether goroutines carry the context by themselves. It is
// false under the build tag propagate_noambient and when the self test at
// start found a runtime whose labels this package does not know; then only
// contexts carry it.
func Ambient() bool { return ambient }

// Go runs f on a new goroutine under the context that ctx carries, or else
// under the caller's. Where the runtime hands the right context down by
// itself, it costs what a plain go statement does. A nil f does nothing.
func Go(ctx context.Context, f func(context.Context)) {
	if f == nil {
		note(NilFunc)
		return
	}
	if !ambient {
		goExplicit(ctx, f)
		return
	}
	if ctx != nil {
		if r, ok := carried(ctx); ok && r.c != ambientCell() {
			defer r.Enter().Leave() // the new goroutine inherits what this one carries now
		}
	}
	go f(ctx)
}

func goExplicit(ctx context.Context, f func(context.Context)) {
	go func() {
		EnterContext(ctx) // for good: the goroutine ends with f
		f(ctx)
	}()
}

// Background runs f without a context of ours: for starting what outlives the
// request at hand, such as pools, connections and watchers, so that their
// goroutines do not inherit it. User labels stay. A nil f does nothing.
func Background(f func()) {
	if f == nil {
		note(NilFunc)
		return
	}
	defer Ref{}.Enter().Leave()
	f()
}
