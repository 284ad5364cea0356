package propagate

import (
	"context"
	"time"
)

// Bind returns a function that runs f under the goroutine's context of now, on
// whatever goroutine and however often it is called: for jobs of a pool,
// callbacks and event handlers. When the span has ended by then, the nearest
// one around it that lives takes its place, as in [Current]. Where goroutines
// carry nothing, f runs as it is; see [BindContext].
//
// A nil f is counted in [Lost], and what is returned does nothing.
func Bind(f func()) func() {
	if f == nil {
		note(NilFunc)
		return func() {}
	}
	r := handOn()
	return func() {
		s := r.Enter()
		defer s.Leave()
		f()
	}
}

// BindErr is [Bind] for a function that may fail, such as an errgroup's.
func BindErr(f func() error) func() error {
	if f == nil {
		note(NilFunc)
		return func() error { return nil }
	}
	r := handOn()
	return func() error {
		defer r.Enter().Leave()
		return f()
	}
}

// Bind1 is [Bind] for a function of one argument, such as a message handler.
func Bind1[A any](f func(A)) func(A) {
	if f == nil {
		note(NilFunc)
		return func(A) {}
	}
	r := handOn()
	return func(a A) {
		defer r.Enter().Leave()
		f(a)
	}
}

// Bind2 is [Bind] for a function of two arguments, such as a completion
// callback of a result and an error.
func Bind2[A, B any](f func(A, B)) func(A, B) {
	if f == nil {
		note(NilFunc)
		return func(A, B) {}
	}
	r := handOn()
	return func(a A, b B) {
		defer r.Enter().Leave()
		f(a, b)
	}
}

// BindContext returns a function that runs f under the context that ctx
// carries, or else the goroutine's of now. f gets a context derived from ctx
// that carries the same; if the span has ended when f runs and none around it
// lives, one detached from it, so that what f starts is linked, not nested.
func BindContext(ctx context.Context, f func(context.Context)) func() {
	if f == nil {
		note(NilFunc)
		return func() {}
	}
	ctx, r := capture(ctx)
	return func() { runUnder(ctx, r, f) }
}

// AfterFunc is [time.AfterFunc] with f bound to the context of now; the
// runtime starts f on a goroutine that carries nobody's reliably.
func AfterFunc(d time.Duration, f func()) *time.Timer { return time.AfterFunc(d, Bind(f)) }

// ContextAfterFunc is [context.AfterFunc] with f bound to the context of who
// registers it: the one ctx carries, or else the goroutine's. By itself f
// would run under that of whoever cancels ctx.
func ContextAfterFunc(ctx context.Context, f func(context.Context)) (stop func() bool) {
	if ctx == nil {
		ctx = context.Background()
	}
	return context.AfterFunc(ctx, BindContext(ctx, f))
}

// handOn returns the goroutine's context for work that is handed to others,
// and counts when there is none.
func handOn() Ref {
	r := Ref{ambientCell()}
	if r.c == nil && ambient && inUse.Load() {
		note(NoContext)
	}
	return r
}

// capture returns what ctx, or else the goroutine, has to hand on.
func capture(ctx context.Context) (context.Context, Ref) {
	if ctx == nil {
		ctx = context.Background()
	}
	r, ok := carried(ctx)
	if !ok {
		r = Ref{ambientCell()}
	}
	if r.c == nil && !ok && inUse.Load() {
		note(NoContext)
	}
	return ctx, r
}

// runUnder runs f under r, or what of r still lives.
func runUnder(ctx context.Context, r Ref, f func(context.Context)) {
	ctx, s := enterUnder(ctx, r)
	defer s.Leave()
	f(ctx)
}

// enterUnder enters r, and returns ctx carrying it: the span if it lives, the
// nearest live one around it, or else a mark to link with it.
func enterUnder(ctx context.Context, r Ref) (context.Context, Scope) {
	if r.c == nil {
		return ctx, r.Enter()
	}
	ctx = r.within(ctx)
	if ambient {
		return ctx, r.Enter()
	}
	return ctx, EnterContext(ctx)
}

// within returns ctx carrying what r may still be the parent of: r's span, the
// nearest live one around it, or else a mark to link with it.
func (r Ref) within(ctx context.Context) context.Context {
	if !r.c.isEnded() {
		return NewContext(ctx, r)
	}
	if live := firstLive(r.c); live != nil {
		return NewContext(ctx, Ref{live})
	}
	return &detachedCtx{ctx, r}
}
