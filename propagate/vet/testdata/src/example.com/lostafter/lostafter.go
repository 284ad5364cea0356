package lostafter

import (
	"context"
	"time"

	"github.com/clewhq/clew/propagate"
)

func expire(ctx context.Context, key string) {}

type cache struct{ onExpire func() }

func (c *cache) put(ctx context.Context, key string, done chan struct{}, cancel context.CancelFunc) {
	time.AfterFunc(time.Second, func() { // want `time.AfterFunc runs its function without ctx: it calls context.Background\(\)`
		expire(context.Background(), key)
	})
	stop := context.AfterFunc(ctx, func() { expire(context.TODO(), key) }) // want `context.AfterFunc runs its function without ctx`
	defer stop()
	time.AfterFunc(time.Second, sweep)                   // want `time.AfterFunc runs its function without ctx: it calls context.Background\(\)`
	time.AfterFunc(time.Second, func() { c.onExpire() }) // want `it calls the function c.onExpire`

	// No findings below.
	time.AfterFunc(time.Second, func() { expire(context.WithoutCancel(ctx), key) })
	time.AfterFunc(time.Second, propagate.Bind(func() { expire(context.Background(), key) }))
	time.AfterFunc(time.Second, cancel)
	time.AfterFunc(time.Second, func() { close(done) })
	//propagate:detached the sweep is nobody's request
	time.AfterFunc(time.Second, sweep)
}

func sweep() { expire(context.Background(), "*") }

func after(ctx context.Context, task func()) {
	time.AfterFunc(time.Second, task) // want `it is a caller's work`
}
