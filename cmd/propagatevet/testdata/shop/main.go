// Command shop loses its context in every way the analyzers know.
package main

import (
	"context"
	"fmt"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
)

var (
	done sync.WaitGroup
	mu   sync.Mutex
	log  []string
)

func handle(ctx context.Context, p *Pool) {
	_, span := noop.NewTracerProvider().Tracer("shop").Start(ctx, "handle")
	span.SetName("sell")

	go func() {
		audit(context.Background(), "audit")
	}()

	time.AfterFunc(time.Millisecond, func() { audit(context.Background(), "timer") })

	p.tasks <- func() { audit(context.Background(), "queue") }

	p.Submit(func() { audit(context.Background(), "pool") })

	pprof.Do(context.Background(), pprof.Labels("step", "end"), func(context.Context) {})
}

func audit(ctx context.Context, what string) {
	defer done.Done()
	mu.Lock()
	defer mu.Unlock()
	log = append(log, what)
	if ctx.Err() != nil {
		log = append(log, "cancelled")
	}
}

func deliberate(ctx context.Context) {
	//propagate:detached the warm-up is nobody's request
	go audit(context.Background(), "deliberate")
}

func main() {
	p := &Pool{tasks: make(chan func())}
	go p.work()
	ctx, cancel := context.WithCancel(context.Background())
	done.Add(4)
	handle(ctx, p)
	cancel() // the request is over before its work is
	done.Wait()
	slices.SortFunc(log, func(a, b string) int { return order(a) - order(b) })
	fmt.Println("audited", log)
}

func order(s string) int { return slices.Index([]string{"audit", "timer", "queue", "pool"}, s) }
