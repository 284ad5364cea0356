package provider

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	rttrace "runtime/trace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"

	"github.com/clewhq/clew/trace/provider/internal/batch"
	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// Span is a span that is recorded. What is set on it is encoded at once; nothing of the values is
// kept. All methods may be called by several goroutines at a time, and do nothing once it has ended.
//
// A nil *Span, such as [Tracer.Begin] returns for a span that is not recorded, does nothing either.
type Span struct {
	embedded.Span

	parent context.Context // the context it was started in
	tracer *Tracer
	ended  atomic.Bool
	root   bool // the tail decides at its end

	mu         sync.Mutex
	attributes uint32
	events     uint32
	links      uint32
	buf        *buffer // nil: nothing is written any more, or ever
	task       *rttrace.Task
	keys       keySet
	head       otlp.Span
}

// buffer holds what is encoded of one span. Buffers go from span to span.
type buffer struct {
	b     []byte
	shard *batch.Shard // where its last span went
}

const (
	firstBuffer = 768      // holds most spans
	keptBuffer  = 16 << 10 // larger ones are not used again
)

// SpanContext implements [oteltrace.Span].
func (s *Span) SpanContext() oteltrace.SpanContext {
	if s == nil {
		return oteltrace.SpanContext{}
	}
	return s.head.Context
}

// IsRecording implements [oteltrace.Span].
func (s *Span) IsRecording() bool { return s != nil && !s.ended.Load() }

// TracerProvider implements [oteltrace.Span]. It is nil for a nil *Span.
func (s *Span) TracerProvider() oteltrace.TracerProvider {
	if s == nil {
		return nil
	}
	return s.tracer.provider
}

// lock reports whether there is something to write to; s is locked then.
func (s *Span) lock() bool {
	if s == nil || s.ended.Load() {
		return false
	}
	s.mu.Lock()
	if s.buf == nil {
		s.mu.Unlock()
		return false
	}
	return true
}

// SetName implements [oteltrace.Span].
func (s *Span) SetName(name string) {
	if s.lock() {
		s.head.Name = name
		s.mu.Unlock()
	}
}

// SetStatus implements [oteltrace.Span]. Ok prevails over Error, and Error over Unset.
func (s *Span) SetStatus(code codes.Code, description string) {
	if !s.lock() {
		return
	}
	defer s.mu.Unlock()
	if code < s.head.Code {
		return
	}
	s.head.Code, s.head.Description = code, ""
	if code == codes.Error {
		s.head.Description = description
	}
}

// AddEvent implements [oteltrace.Span].
func (s *Span) AddEvent(name string, options ...oteltrace.EventOption) {
	if !s.IsRecording() {
		return
	}
	cfg := oteltrace.NewEventConfig(options...)
	s.addEvent(otlp.Event{Name: name, Time: cfg.Timestamp(), Attributes: cfg.Attributes()})
}

func (s *Span) addEvent(e otlp.Event) {
	if !s.lock() {
		return
	}
	defer s.mu.Unlock()
	s.writeEvent(e)
}

// writeEvent appends e; the oldest gives way if there are too many. The caller holds the lock.
func (s *Span) writeEvent(e otlp.Event) {
	l := &s.tracer.provider.limits
	if l.EventCountLimit == 0 {
		s.head.DroppedEvents++
		return
	}
	if l.EventCountLimit > 0 && int(s.events) >= l.EventCountLimit {
		s.buf.b = otlp.DropFirst(s.buf.b, otlp.SpanEvent)
		s.head.DroppedEvents++
	} else {
		s.events++
	}
	e.Attributes, e.Dropped = capped(e.Attributes, l.AttributePerEventCountLimit)
	s.buf.b = otlp.AppendEvent(s.buf.b, e)
}

// AddLink implements [oteltrace.Span].
func (s *Span) AddLink(l oteltrace.Link) {
	if !l.SpanContext.IsValid() && len(l.Attributes) == 0 && l.SpanContext.TraceState().Len() == 0 {
		return
	}
	if !s.lock() {
		return
	}
	defer s.mu.Unlock()
	limits := &s.tracer.provider.limits
	if limits.LinkCountLimit == 0 {
		s.head.DroppedLinks++
		return
	}
	if limits.LinkCountLimit > 0 && int(s.links) >= limits.LinkCountLimit {
		s.buf.b = otlp.DropFirst(s.buf.b, otlp.SpanLink)
		s.head.DroppedLinks++
	} else {
		s.links++
	}
	var dropped int
	l.Attributes, dropped = capped(l.Attributes, limits.AttributePerLinkCountLimit)
	s.buf.b = otlp.AppendLink(s.buf.b, l, dropped)
}

func capped(kvs []attribute.KeyValue, limit int) ([]attribute.KeyValue, int) {
	if limit < 0 || len(kvs) <= limit {
		return kvs, 0
	}
	return kvs[:limit], len(kvs) - limit
}

// RecordError implements [oteltrace.Span].
func (s *Span) RecordError(err error, options ...oteltrace.EventOption) {
	if err == nil || !s.IsRecording() {
		return
	}
	cfg := oteltrace.NewEventConfig(options...)
	s.addEvent(exception(cfg.Timestamp(), cfg.Attributes(), err, cfg.StackTrace()))
}

// exception describes an error or the value of a panic.
func exception(at time.Time, kvs []attribute.KeyValue, v any, withStack bool) otlp.Event {
	kvs = append(slices.Clip(kvs), semconv.ExceptionType(typeName(v)), semconv.ExceptionMessage(textOf(v)))
	if withStack {
		stack := make([]byte, 2048) // as much as the SDK takes
		stack = stack[:runtime.Stack(stack, false)]
		kvs = append(kvs, semconv.ExceptionStacktrace(string(stack)))
	}
	return otlp.Event{Name: semconv.ExceptionEventName, Time: at, Attributes: kvs}
}

// typeName is the type with its whole import path.
func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.PkgPath() == "" && t.Name() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}

// textOf is what an error says. An Error method that panics must not take its program down because
// somebody has recorded it; [fmt.Sprint] copes with that.
func textOf(v any) (text string) {
	err, ok := v.(error)
	if !ok {
		return fmt.Sprint(v)
	}
	defer func() {
		if recover() != nil {
			text = fmt.Sprint(v)
		}
	}()
	return err.Error()
}

// End implements [oteltrace.Span]. A panic that is on its way when End is called by a defer statement is
// recorded as an exception event and goes on.
func (s *Span) End(options ...oteltrace.SpanEndOption) {
	if !s.IsRecording() {
		return
	}
	now := s.head.Start.Add(time.Since(s.head.Start)) // by the monotonic clock
	end, stack := now, false
	if len(options) > 0 {
		cfg := oteltrace.NewSpanEndConfig(options...)
		if t := cfg.Timestamp(); !t.IsZero() {
			end = t
		}
		stack = cfg.StackTrace()
	}
	if p := recover(); p != nil {
		defer panic(p)
		s.addEvent(exception(now, nil, p, stack))
	}
	s.finish(end)
}

func (s *Span) finish(end time.Time) {
	s.mu.Lock()
	if s.ended.Load() {
		s.mu.Unlock()
		return
	}
	s.ended.Store(true)
	buf, task := s.buf, s.task
	s.buf, s.task, s.keys.all = nil, nil, nil
	if buf != nil {
		if s.head.DroppedEvents > 0 && s.events == 0 { // limits of none: the SDK does not tell either
			s.head.DroppedEvents = 0
		}
		if s.head.DroppedLinks > 0 && s.links == 0 {
			s.head.DroppedLinks = 0
		}
		buf.b = otlp.AppendSpan(buf.b, &s.head, end)
	}
	s.mu.Unlock()
	if task != nil {
		task.End()
	}
	if buf != nil {
		s.tracer.provider.pass(s, buf, end)
	}
}
