package propagate

import (
	"context"
	"sync/atomic"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// cell is what a Ref points to. It is apart from the span, because goroutines
// that outlive a span keep its cell: 192 bytes, and nothing else of the span.
// Cells are never pooled or reused; a goroutine may point at one for ever.
type cell struct {
	face // what the goroutine's labels point at; must be first

	trace oteltrace.TraceID
	spn   oteltrace.SpanID
	live  atomic.Pointer[holder] // nil once ended, bar a trace state to remember
	state atomic.Uint32
	zeros [2]byte // "00": the value of an unsampled cell's label lies here
	flags oteltrace.TraceFlags
}

// holder gives a span an address that can be dropped atomically.
type holder struct{ oteltrace.Span }

const (
	stEnded      uint32 = 1 << iota
	stForeign           // not started through New: its owner will not call End
	stRecording         // foreign, and was recording: IsRecording tells when it ends
	stRegistered        // the registry can find it by address
	stRemote
)

// inUse is set by the first cell: a program that traces nothing loses nothing.
var inUse atomic.Bool

// newCell makes a cell for span. Only a live outer is kept, so that hand-offs
// from one ended span to the next never grow into a chain.
func newCell(span oteltrace.Span, outer *cell, state uint32) *cell {
	sc := span.SpanContext()
	if !inUse.Load() {
		inUse.Store(true)
	}
	c := &cell{trace: sc.TraceID(), spn: sc.SpanID(), zeros: [2]byte{'0', '0'}, flags: sc.TraceFlags()}
	if sc.IsRemote() {
		state |= stRemote
	}
	c.state.Store(state)
	c.live.Store(&holder{span})
	if o := firstLive(outer); o != nil {
		c.outer.Store(o)
	}
	c.dress()
	return c
}

// newForeign makes a cell for a span some other library put into a context.
func newForeign(span oteltrace.Span, outer *cell) *cell {
	state := stForeign
	if span.IsRecording() {
		state |= stRecording
	}
	return newCell(span, outer, state)
}

func (c *cell) sampled() bool { return c.flags.IsSampled() }

// is reports whether sc names c's span.
func (c *cell) is(sc oteltrace.SpanContext) bool {
	return sc.SpanID() == c.spn && sc.TraceID() == c.trace
}

// isEnded reports whether the span has ended. A foreign span that was
// recording tells so by recording no longer; one that never recorded cannot
// tell and counts as live.
func (c *cell) isEnded() bool {
	st := c.state.Load()
	switch {
	case st&stEnded != 0:
		return true
	case st&stRecording == 0:
		return false
	}
	if h := c.live.Load(); h != nil && h.IsRecording() {
		return false
	}
	c.end()
	return true
}

// mayParent reports whether a goroutine that carries c may take it for the
// parent of what it starts: c lives, and will tell when it does no longer. A
// remote or unsampled span of another library would be a parent for ever.
func (c *cell) mayParent() bool {
	return c.state.Load()&(stForeign|stRecording) != stForeign && !c.isEnded()
}

// end marks c ended. The first caller drops the span and skips over outer
// cells that have ended meanwhile.
func (c *cell) end() {
	h := c.live.Load()
	if c.state.Or(stEnded)&stEnded != 0 {
		return
	}
	var rest *holder
	if h != nil {
		if sc := h.SpanContext(); sc.TraceState().Len() > 0 {
			rest = &holder{nonRecording(sc)}
		}
	}
	c.live.Store(rest)
	if o := c.outer.Load(); o != nil {
		c.outer.Store(firstLive(o))
	}
}

// firstLive returns c if it may be a parent, else the nearest cell around it
// that may.
func firstLive(c *cell) *cell {
	for c != nil && !c.mayParent() {
		c = c.outer.Load()
	}
	return c
}

// fellUnder reports whether c is outer, or was started under it and has ended,
// as has everything between the two.
func (c *cell) fellUnder(outer *cell) bool {
	for c != nil && c != outer && c.state.Load()&stEnded != 0 {
		c = c.outer.Load()
	}
	return c == outer
}

func (c *cell) span() oteltrace.Span {
	if h := c.live.Load(); h != nil {
		return h.Span
	}
	return nonRecording(c.spanContext())
}

func (c *cell) spanContext() oteltrace.SpanContext {
	if h := c.live.Load(); h != nil {
		return h.SpanContext()
	}
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID:    c.trace,
		SpanID:     c.spn,
		TraceFlags: c.flags,
		Remote:     c.state.Load()&stRemote != 0,
	})
}

func nonRecording(sc oteltrace.SpanContext) oteltrace.Span {
	return oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(context.Background(), sc))
}
