package pprofdo

import (
	"context"
	"net/http"
	"runtime/pprof"
)

func work(ctx context.Context) {}

func label(ctx context.Context) {
	pprof.Do(context.Background(), pprof.Labels("k", "v"), func(context.Context) {})         // want `pprof.Do on context.Background\(\) wipes out the labels of ctx`
	pprof.Do(context.TODO(), pprof.Labels("k", "v"), func(c context.Context) { work(c) })    // want `pprof.Do on context.TODO\(\)`
	pprof.SetGoroutineLabels(context.Background())                                           // want `pprof.SetGoroutineLabels`
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("k", "v"))) // want `pprof.WithLabels`

	// No findings below.
	pprof.Do(ctx, pprof.Labels("k", "v"), work)
	defer pprof.SetGoroutineLabels(ctx)
}

func handler(w http.ResponseWriter, r *http.Request) {
	pprof.Do(context.Background(), pprof.Labels("k", "v"), work) // want `wipes out the labels of r.Context\(\)`
}

func nothingAtHand() {
	pprof.Do(context.Background(), pprof.Labels("k", "v"), work)
}
