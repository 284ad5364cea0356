package propagate_test

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// request stands for the span of a request; package trace makes them.
func request(id byte) propagate.Ref {
	return propagate.New(oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(context.Background(),
		oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{id}, SpanID: oteltrace.SpanID{id}}))), propagate.Ref{})
}

func spanID(r propagate.Ref) string { return r.SpanContext().SpanID().String() }

// A pool's workers are older than the requests they work for.
func ExampleBindContext() {
	jobs, done := make(chan func()), make(chan struct{})
	go func() {
		defer close(done)
		for job := range jobs {
			job()
		}
	}()
	ctx := propagate.NewContext(context.Background(), request(1))
	jobs <- propagate.BindContext(ctx, func(ctx context.Context) {
		fmt.Println("works under", spanID(propagate.FromContext(ctx)))
	})
	close(jobs)
	<-done
	// Output: works under 0100000000000000
}

// Items carry the context through a channel, one by one.
func ExampleItem_Do() {
	orders := make(chan propagate.Item[string], 2)
	for i, order := range []string{"tea", "cake"} {
		ctx := propagate.NewContext(context.Background(), request(byte(i+1)))
		if err := propagate.SendContext(ctx, orders, order); err != nil {
			fmt.Println(err)
		}
	}
	close(orders)
	for order := range orders {
		order.Do(context.Background(), func(ctx context.Context, name string) {
			fmt.Println(name, "under", spanID(propagate.FromContext(ctx)))
		})
	}
	// Output:
	// tea under 0100000000000000
	// cake under 0200000000000000
}

// A batch has no one parent: it is linked to all it works for.
func ExampleMerge() {
	links := propagate.Merge(request(1), request(2), request(1))
	_, span := otel.Tracer("example").Start(context.Background(), "write batch", oteltrace.WithLinks(links...))
	defer span.End()
	fmt.Println(len(links), "links")
	// Output: 2 links
}

// An operation that is resumed by a callback.
func ExampleSuspend() {
	ctx := propagate.NewContext(context.Background(), request(1))
	finished := make(chan struct{})
	op := propagate.Suspend(ctx, "charge card")
	time.AfterFunc(time.Millisecond, func() { // the payment service calls back
		step := op.Resume("charged")
		defer close(finished)
		defer step.End()
		fmt.Println("resumed in trace", propagate.FromContext(step.Context()).SpanContext().TraceID())
		op.Done(nil)
	})
	<-finished
	// Output: resumed in trace 01000000000000000000000000000000
}

// A state machine written by hand, whose stages are steps of one operation.
func ExampleMachine() {
	paid := &propagate.Stage[string]{Label: "paid", Run: func(_ context.Context, event string) (*propagate.Stage[string], error) {
		fmt.Println("paid:", event)
		return nil, nil
	}}
	reserved := &propagate.Stage[string]{Label: "reserved", Run: func(_ context.Context, event string) (*propagate.Stage[string], error) {
		fmt.Println("reserved:", event)
		return paid, nil
	}}
	m := propagate.NewMachine(propagate.NewContext(context.Background(), request(1)), "order", reserved)
	for _, event := range []string{"seat 7", "12 EUR", "again"} {
		if _, err := m.Feed(event); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// reserved: seat 7
	// paid: 12 EUR
	// propagate: already done
}

// An event loop that tells who blocks it.
func ExampleLoop() {
	loop := propagate.NewLoop(propagate.LoopConfig{
		Name:      "main",
		OnBlocked: func(b propagate.Blocked) { fmt.Println("blocked by trace", b.Span.TraceID(), "at", b.Stack) },
	})
	ctx := propagate.NewContext(context.Background(), request(1))
	for _, name := range []string{"first", "second"} {
		if err := loop.Submit(ctx, func(ctx context.Context) {
			fmt.Println(name, "under", spanID(propagate.FromContext(ctx)))
		}); err != nil {
			fmt.Println(err)
		}
	}
	loop.Close()
	if err := loop.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// first under 0100000000000000
	// second under 0100000000000000
}

// Where contexts go astray, most frequent first.
func ExampleLost() {
	for site := range propagate.Lost() {
		fmt.Printf("%d× %v at %v, on a goroutine started at %v\n", site.Count, site.Kind, site.Site, site.Creator)
	}
}
