package propagate

import (
	"context"
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Group runs one call per key at a time: who asks for a key that is being
// worked on joins and gets the same outcome. The work is the leader's and
// nests under the leader's span; a joiner's span gets a link to it, so that
// its trace tells where its time went. The zero Group is ready for use.
type Group[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*call[V]
}

type call[V any] struct {
	leader Ref
	done   chan struct{}
	v      V
	err    error
	joined int
}

// Do calls f with ctx and returns its outcome, or joins a call for the same
// key that is under way. shared reports whether the outcome went to more than
// one. A joiner whose ctx is cancelled leaves with ctx's error; the leader's
// ctx is f's, so a leader that must not drag joiners down with it passes a
// context without cancellation. A panic in f passes through to the leader;
// joiners get a [PanicError].
func (g *Group[K, V]) Do(ctx context.Context, key K, f func(context.Context) (V, error)) (v V, shared bool, err error) {
	if f == nil {
		note(NilFunc)
		return v, false, errNilFunc
	}
	if ctx == nil {
		ctx = context.Background()
	}
	self := FromContext(ctx)
	g.mu.Lock()
	if c, ok := g.calls[key]; ok {
		c.joined++
		g.mu.Unlock()
		return c.join(ctx, self)
	}
	c := &call[V]{leader: self, done: make(chan struct{}), err: errExited}
	if g.calls == nil {
		g.calls = make(map[K]*call[V])
	}
	g.calls[key] = c
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		if g.calls[key] == c {
			delete(g.calls, key)
		}
		shared = c.joined > 0
		g.mu.Unlock()
		close(c.done)
	}()
	c.run(ctx, f)
	return c.v, false, c.err
}

func (c *call[V]) run(ctx context.Context, f func(context.Context) (V, error)) {
	defer func() {
		if p := recover(); p != nil {
			c.err = &PanicError{p, string(debug.Stack())}
			panic(p)
		}
	}()
	c.v, c.err = f(ctx)
}

func (c *call[V]) join(ctx context.Context, self Ref) (v V, shared bool, err error) {
	if c.leader.c != nil && c.leader != self {
		self.Span().AddLink(oteltrace.Link{
			SpanContext: c.leader.SpanContext(),
			Attributes:  []attribute.KeyValue{attribute.String("clew.link", "joined")},
		})
	}
	select {
	case <-c.done:
		return c.v, true, c.err
	case <-ctx.Done():
		return v, false, context.Cause(ctx)
	}
}

// Forget makes the next Do for key start a call of its own, even while one is
// under way.
func (g *Group[K, V]) Forget(key K) {
	g.mu.Lock()
	delete(g.calls, key)
	g.mu.Unlock()
}
