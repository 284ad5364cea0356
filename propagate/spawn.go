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

// Bind returns a function that runs f under the context current now, on
// whatever goroutine and however often it is called. When the span has ended
// by then, the nearest one around it that lives takes its place, as in
// [Current]. Bind of nil does nothing when run.
func Bind(f func()) func() {
	if f == nil {
		return func() {}
	}
	if !ambient {
		return f
	}
	r := Ref{ambientCell()}
	return func() {
		defer r.Enter().Leave()
		f()
	}
}

// Background runs f without a context of ours: for starting what outlives the
// request at hand, such as pools, connections and watchers, so that their
// goroutines do not inherit it. User labels stay. A nil f does nothing.
func Background(f func()) {
	if f == nil {
		return
	}
	defer Ref{}.Enter().Leave()
	f()
}
