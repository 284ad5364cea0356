package spanleak

import (
	"context"
	"errors"
	"os"

	"example.com/tracing"
	"go.opentelemetry.io/otel/trace"
)

var tracer trace.Tracer

func charge(ctx context.Context) error { return nil }

func never(ctx context.Context) error {
	ctx, span := tracer.Start(ctx, "charge") // want `span is never ended`
	span.SetName("x")
	return charge(ctx)
}

func thrownAway(ctx context.Context) error {
	ctx, _ = tracer.Start(ctx, "a") // want `the span started here is thrown away`
	c, _ := tracer.Start(ctx, "b")  // want `the span started here is thrown away`
	tracer.Start(ctx, "c")          // want `the span started here is thrown away`
	return charge(c)
}

func early(ctx context.Context) error {
	ctx, span := tracer.Start(ctx, "charge") // want `span is not ended on every path: it is still open at line 33`
	if err := charge(ctx); err != nil {
		tracing.Fail(span, err)
		return err
	}
	span.End()
	return nil
}

func loop(ctx context.Context) {
	for i := range 3 {
		_, span := tracer.Start(ctx, "step") // want `span is not ended on every path`
		if i == 1 {
			continue
		}
		span.End()
	}
}

func neverInLoop(ctx context.Context) {
	for range 3 {
		_, span := tracer.Start(ctx, "step") // want `span is never ended`
		span.SetName("x")
	}
}

func helper(ctx context.Context) {
	_, span := tracing.Begin(ctx, "x") // want `span is never ended`
	tracing.Fail(span, errors.New("x"))
}

func overwritten(ctx context.Context) {
	_, span := tracer.Start(ctx, "a") // want `span is not ended on every path`
	_, span = tracer.Start(ctx, "b")
	span.End()
}

func deliberate(ctx context.Context) {
	//propagate:detached ended by the sweeper when it times out
	_, span := tracer.Start(ctx, "a")
	span.SetName("x")
}

func inLiteral(ctx context.Context) {
	f := func() {
		_, span := tracer.Start(ctx, "a") // want `span is never ended`
		span.SetName("x")                 // a comment that stays
	}
	f()
}

// No findings below.

func deferred(ctx context.Context) error {
	ctx, span := tracer.Start(ctx, "a")
	defer span.End()
	return charge(ctx)
}

func deferredLiteral(ctx context.Context) (err error) {
	ctx, span := tracing.Begin(ctx, "a")
	defer func() {
		tracing.Fail(span, err)
		span.End()
	}()
	return charge(ctx)
}

func everyPath(ctx context.Context) error {
	ctx, span := tracer.Start(ctx, "a")
	if err := charge(ctx); err != nil {
		span.End()
		return err
	}
	span.End()
	return nil
}

type op struct {
	span trace.Span
	ctx  context.Context
}

func returned(ctx context.Context) trace.Span { _, span := tracer.Start(ctx, "a"); return span } // want returned:`starts span 0`
func stored(ctx context.Context, o *op)       { _, span := tracer.Start(ctx, "a"); o.span = span }
func straight(ctx context.Context, o *op)     { ctx, o.span = tracer.Start(ctx, "a"); _ = ctx }
func inside(ctx context.Context) *op          { _, span := tracer.Start(ctx, "a"); return &op{span: span} }
func passed(ctx context.Context)              { _, span := tracer.Start(ctx, "a"); tracing.Finish(span) }
func method(ctx context.Context) func(...trace.SpanEndOption) {
	_, span := tracer.Start(ctx, "a")
	return span.End
}

func hook(ctx context.Context) context.Context { ctx, _ = tracer.Start(ctx, "a"); return ctx }

func hookError(ctx context.Context) (context.Context, error) {
	ctx, span := tracer.Start(ctx, "a")
	span.SetName("x")
	return context.WithValue(ctx, op{}, 1), nil
}

func hookStored(ctx context.Context, o *op) { ctx, _ = tracer.Start(ctx, "a"); o.ctx = ctx }

func captured(ctx context.Context) {
	_, span := tracer.Start(ctx, "a")
	go func() {
		defer span.End()
	}()
}

func guarded(ctx context.Context, traced bool) {
	var span trace.Span
	if traced {
		_, span = tracer.Start(ctx, "a")
	}
	_ = charge(ctx)
	if traced {
		span.End()
	}
}

func notNil(ctx context.Context, traced bool) {
	var span trace.Span
	if traced {
		_, span = tracer.Start(ctx, "a")
	}
	if span != nil {
		span.End()
	}
}

func recording(ctx context.Context) {
	_, span := tracer.Start(ctx, "a")
	if span.IsRecording() {
		span.End()
	}
}

func exits(ctx context.Context) {
	_, span := tracer.Start(ctx, "a")
	if err := charge(ctx); err != nil {
		os.Exit(1)
	}
	span.End()
}

func begin(ctx context.Context) (context.Context, trace.Span, error) { // want begin:`starts span 1`
	if err := charge(ctx); err != nil {
		return ctx, nil, err
	}
	ctx, span := tracer.Start(ctx, "a")
	return ctx, span, nil
}

func withError(ctx context.Context) error {
	ctx, span, err := begin(ctx)
	if err != nil {
		return err
	}
	defer span.End()
	return charge(ctx)
}

type watcher interface{ watch(ctx context.Context) }

func adopted(ctx context.Context, w watcher) {
	c, _ := tracer.Start(ctx, "a")
	w.watch(c)
	c, _ = tracer.Start(ctx, "b")
	tracing.Release(c)
}

func current(ctx context.Context) { tracing.Current(ctx).SetName("x") }
