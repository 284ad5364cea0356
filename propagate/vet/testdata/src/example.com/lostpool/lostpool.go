package lostpool

import (
	"context"

	"example.com/pool"
	"github.com/clewhq/clew/propagate"
)

type executor interface{ Execute(f func()) }

func render(ctx context.Context) {}

func submit(ctx context.Context, p *pool.Pool, e executor, task func()) {
	p.Submit(func() { render(context.Background()) }) // want `function is handed to a worker without ctx: it calls context.Background\(\)`
	p.Wrapped("x", func() error {                     // want `function is handed to a worker without ctx`
		render(context.Background())
		return nil
	})
	e.Execute(func() { render(context.TODO()) }) // want `function is handed to a worker without ctx`
	p.Submit(task)                               // want `it is a caller's work`
	f := func() { render(context.Background()) }
	p.Submit(f) // want `function is handed to a worker without ctx`

	// No findings below.
	p.Submit(func() { render(ctx) })
	p.Submit(propagate.Bind(task))
	p.Submit(func() {})
	p.Inline(func() { render(context.Background()) })
}

func shadowed(ctx context.Context, p *pool.Pool, propagate int) {
	p.Submit(func() { render(context.Background()) }) // want `function is handed to a worker without ctx`
}
