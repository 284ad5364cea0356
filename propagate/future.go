package propagate

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync"
)

// Future is a value that will be there later. Functions hung on it with [Then]
// run under the context of who hung them there, not of who completes it.
type Future[T any] struct {
	mu   sync.Mutex
	done chan struct{}
	then []func()
	v    T
	err  error
}

// NewFuture returns a Future and the function that completes it, with a value
// or an error. The functions waiting for it run, in order, on the goroutine
// that completes it. Completing it again changes nothing and is counted in
// [Lost].
func NewFuture[T any]() (f *Future[T], complete func(T, error)) {
	f = &Future[T]{done: make(chan struct{})}
	return f, f.complete
}

func (f *Future[T]) complete(v T, err error) {
	f.mu.Lock()
	select {
	case <-f.done:
		f.mu.Unlock()
		note(CompletedTwice)
		return
	default:
	}
	f.v, f.err = v, err
	close(f.done)
	then := f.then
	f.then = nil
	f.mu.Unlock()
	for _, run := range then {
		run()
	}
}

// Await waits for the outcome, or for ctx to be cancelled.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	select {
	case <-f.done:
		return f.v, f.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// Done is closed when the outcome is there.
func (f *Future[T]) Done() <-chan struct{} { return f.done }

// Then hangs fn on f and returns the future of its outcome. name is the
// operation, a [Continuation] suspended under what ctx carries, or else the
// goroutine; fn runs as its one step, on the goroutine that completes f, or at
// once if f is complete. When f fails, fn is not called and the failure is the
// outcome; when fn panics, a [*PanicError] is.
func Then[T, U any](ctx context.Context, f *Future[T], name string, fn func(context.Context, T) (U, error)) *Future[U] {
	return ThenOn(ctx, f, func(run func()) { run() }, name, fn)
}

// ThenOn is [Then] with fn run by exec, such as a pool's or an event loop's
// Submit. The time fn then has to queue there is told from the time f took.
// exec must call what it is given, once.
func ThenOn[T, U any](ctx context.Context, f *Future[T], exec func(func()), name string, fn func(context.Context, T) (U, error)) *Future[U] {
	next, complete := NewFuture[U]()
	if f == nil || exec == nil || fn == nil {
		note(NilFunc)
		var none U
		complete(none, errNilFunc)
		return next
	}
	c := Suspend(ctx, name)
	f.whenDone(func() {
		c.Ready()
		if f.err != nil {
			c.Done(f.err)
			var none U
			complete(none, f.err)
			return
		}
		exec(func() { complete(step(c, name, f.v, fn)) })
	})
	return next
}

// whenDone runs run now or when f is complete.
func (f *Future[T]) whenDone(run func()) {
	f.mu.Lock()
	select {
	case <-f.done:
		f.mu.Unlock()
		run()
	default:
		f.then = append(f.then, run)
		f.mu.Unlock()
	}
}

// step runs fn as the only step of c.
func step[T, U any](c *Continuation, name string, v T, fn func(context.Context, T) (U, error)) (out U, err error) {
	s := c.Resume(name)
	finished := false
	defer func() {
		if !finished {
			if p := recover(); p != nil {
				err = &PanicError{p, string(debug.Stack())}
			} else {
				err = errExited
			}
		}
		c.Done(err)
		s.End()
		runtime.KeepAlive(c)
	}()
	out, err = fn(s.Context(), v)
	finished = true
	return out, err
}
