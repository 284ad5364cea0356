package propagate

import (
	"context"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Item is a value on its way through a channel or queue, with the context it
// was sent under. The zero Item carries none.
type Item[T any] struct {
	V   T
	ref Ref
	at  time.Duration // since start; zero for what nobody samples
}

// NewItem wraps v with the goroutine's context of now.
func NewItem[T any](v T) Item[T] { return wrap(v, handOn()) }

// NewItemContext wraps v with the context ctx carries, or else the goroutine's.
func NewItemContext[T any](ctx context.Context, v T) Item[T] {
	_, r := capture(ctx)
	return wrap(v, r)
}

func wrap[T any](v T, r Ref) Item[T] {
	i := Item[T]{V: v, ref: r}
	if r.c != nil && r.c.sampled() {
		i.at = now()
	}
	return i
}

// Send sends v on ch with the goroutine's context of now; it blocks as a plain
// send does.
func Send[T any](ch chan<- Item[T], v T) { ch <- wrap(v, handOn()) }

// SendContext sends v on ch with the context ctx carries, or else the
// goroutine's. It gives up with ctx's error when ctx is cancelled first.
func SendContext[T any](ctx context.Context, ch chan<- Item[T], v T) error {
	ctx, r := capture(ctx)
	select {
	case ch <- wrap(v, r):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Ref returns the context the item was sent under.
func (i Item[T]) Ref() Ref { return i.ref }

// Wait returns how long ago the item was made: asked on receipt, its time in
// the queue. It is known for sampled contexts only, and zero otherwise, since
// two looks at the clock cost more than the channel.
func (i Item[T]) Wait() time.Duration {
	if i.at == 0 {
		return 0
	}
	return now() - i.at
}

// Enter makes the item's context the goroutine's, for a consumer whose code
// takes no context.
func (i Item[T]) Enter() Scope { return i.ref.Enter() }

// Do runs f for the item's value under the item's context. f's ctx is derived
// from ctx, the consumer's own; the item's span takes the place of ctx's. If
// that span has ended meanwhile, and every one around it, what f starts is
// linked with it, not nested. A nil f is counted in [Lost].
func (i Item[T]) Do(ctx context.Context, f func(context.Context, T)) {
	if f == nil {
		note(NilFunc)
		return
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, s := enterUnder(ctx, i.ref)
	defer s.Leave()
	f(ctx, i.V)
}

// Merge returns links to the spans of refs, each once, for a span that works
// for all of them: a batch has no one parent. Zero Refs are passed over.
func Merge(refs ...Ref) []oteltrace.Link {
	links := make([]oteltrace.Link, 0, len(refs))
	seen := make(map[spanIdentity]struct{}, len(refs))
	for _, r := range refs {
		if r.c == nil || !r.c.trace.IsValid() || !r.c.spn.IsValid() {
			continue
		}
		id := spanIdentity{r.c.trace, r.c.spn}
		if _, ok := seen[id]; ok {
			continue
		}
		seen[id] = struct{}{}
		links = append(links, oteltrace.Link{SpanContext: r.SpanContext()})
	}
	return links
}

type spanIdentity struct {
	trace oteltrace.TraceID
	span  oteltrace.SpanID
}

// MergeItems is [Merge] for the contexts of items.
func MergeItems[T any](items []Item[T]) []oteltrace.Link {
	refs := make([]Ref, len(items))
	for i := range items {
		refs[i] = items[i].ref
	}
	return Merge(refs...)
}

// start is the origin of now, which is monotonic and twice as quick to read
// as the time of day.
var start = time.Now()

// now returns the time since start, never zero.
func now() time.Duration { return time.Since(start) + 1 }
