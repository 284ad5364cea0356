package provider

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// spanKey is the key under which OpenTelemetry's trace package looks for the span in a context. It is
// private to that package, which is asked for a span once to learn it. nil means that it could not be
// learnt; then contexts are made by [oteltrace.ContextWithSpan].
var spanKey = learnKey()

func learnKey() any {
	var l keyListener
	oteltrace.SpanFromContext(&l)
	if l.asked != 1 {
		return nil
	}
	return l.key
}

type keyListener struct {
	context.Context
	key   any
	asked int
}

func (l *keyListener) Value(key any) any {
	l.key = key
	l.asked++
	return nil
}

// spanContext is a Span seen as the context that carries it, so that it takes no memory of its own.
type spanContext Span

func (s *Span) context() context.Context {
	if spanKey == nil {
		return oteltrace.ContextWithSpan(s.parent, s)
	}
	return (*spanContext)(s)
}

func (c *spanContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *spanContext) Done() <-chan struct{}       { return c.parent.Done() }
func (c *spanContext) Err() error                  { return c.parent.Err() }

// Value implements [context.Context]. The other methods are the parent's.
func (c *spanContext) Value(key any) any {
	if key == spanKey {
		return (*Span)(c)
	}
	return c.parent.Value(key)
}

func (c *spanContext) String() string { return nameOf(c.parent) + ".WithSpan" }

// nameOf names a context as the context package does, without its values.
func nameOf(ctx context.Context) string {
	if s, ok := ctx.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", ctx)
}

// passing is a span that is not recorded: it has an identity for others to go on with.
type passing struct {
	embedded.Span
	parent  context.Context
	tracer  *Tracer
	context oteltrace.SpanContext
}

var _ oteltrace.Span = (*passing)(nil)

func (p *passing) End(...oteltrace.SpanEndOption)              {}
func (p *passing) AddEvent(string, ...oteltrace.EventOption)   {}
func (p *passing) AddLink(oteltrace.Link)                      {}
func (p *passing) IsRecording() bool                           { return false }
func (p *passing) RecordError(error, ...oteltrace.EventOption) {}
func (p *passing) SpanContext() oteltrace.SpanContext          { return p.context }
func (p *passing) SetStatus(codes.Code, string)                {}
func (p *passing) SetName(string)                              {}
func (p *passing) SetAttributes(...attribute.KeyValue)         {}
func (p *passing) TracerProvider() oteltrace.TracerProvider    { return p.tracer.provider }

type passingContext passing

func (p *passing) inContext() context.Context {
	if spanKey == nil {
		return oteltrace.ContextWithSpan(p.parent, p)
	}
	return (*passingContext)(p)
}

func (c *passingContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *passingContext) Done() <-chan struct{}       { return c.parent.Done() }
func (c *passingContext) Err() error                  { return c.parent.Err() }

// Value implements [context.Context]. The other methods are the parent's.
func (c *passingContext) Value(key any) any {
	if key == spanKey {
		return (*passing)(c)
	}
	return c.parent.Value(key)
}

func (c *passingContext) String() string { return nameOf(c.parent) + ".WithSpan" }
