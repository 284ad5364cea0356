package otlp

import (
	"encoding/binary"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The fields of Span that are written before it ends. They all have a length, so that [Find] and
// [DropFirst] can walk over them.
const (
	SpanAttribute = 9
	SpanEvent     = 11
	SpanLink      = 13
)

const (
	traceIDField     = 1
	spanIDField      = 2
	stateField       = 3
	parentField      = 4
	nameField        = 5
	kindField        = 6
	startField       = 7
	endField         = 8
	droppedAttrField = 10
	droppedEvents    = 12
	droppedLinks     = 14
	statusField      = 15

	flagsHasRemote = 0x100
	flagsRemote    = 0x200
)

// Event is what happened at a time.
type Event struct {
	Name       string
	Time       time.Time
	Attributes []attribute.KeyValue
	Dropped    int // attributes beyond the limit
}

// AppendEvent appends e.
func AppendEvent(b []byte, e Event) []byte {
	b = open(b, SpanEvent)
	from := len(b)
	b = appendFixed64(b, 1, nanos(e.Time))
	if e.Name != "" {
		b = AppendText(b, 2, e.Name)
	}
	for i := range e.Attributes {
		b = AppendAttribute(b, 3, &e.Attributes[i], -1)
	}
	if e.Dropped > 0 {
		b = AppendUint(b, 4, uint64(e.Dropped))
	}
	return seal(b, from)
}

// AppendLink appends a link; dropped are attributes of it beyond the limit.
func AppendLink(b []byte, l oteltrace.Link, dropped int) []byte {
	b = open(b, SpanLink)
	from := len(b)
	tid, sid := l.SpanContext.TraceID(), l.SpanContext.SpanID()
	b = AppendBytes(b, 1, tid[:])
	b = AppendBytes(b, 2, sid[:])
	if ts := l.SpanContext.TraceState(); ts.Len() > 0 {
		b = AppendText(b, 3, ts.String())
	}
	for i := range l.Attributes {
		b = AppendAttribute(b, 4, &l.Attributes[i], -1)
	}
	if dropped > 0 {
		b = AppendUint(b, 5, uint64(dropped))
	}
	b = append(b, 6<<3|typeI32)
	b = binary.LittleEndian.AppendUint32(b, flags(l.SpanContext.TraceFlags(), l.SpanContext.IsRemote()))
	return seal(b, from)
}

// DropFirst takes the first field with that number out of b, which holds whole fields of a length each.
func DropFirst(b []byte, number byte) []byte {
	for from := 0; from < len(b); {
		n, w := binary.Uvarint(b[from+1:])
		to := from + 1 + w + int(n)
		if b[from] == number<<3|typeLen {
			return append(b[:from], b[to:]...)
		}
		from = to
	}
	return b
}

// Replace puts with, which must not lie in b, in the place of b[from:to].
func Replace(b []byte, from, to int, with []byte) []byte {
	old := len(b)
	if grow := len(with) - (to - from); grow > 0 {
		b = append(b, with[:grow]...) // room; what is in it does not matter
	}
	copy(b[from+len(with):], b[to:old])
	copy(b[from:], with)
	return b[:old+len(with)-(to-from)]
}

// Span is what of a span is known, or counted, until its end.
type Span struct {
	Context     oteltrace.SpanContext
	Start       time.Time
	Name        string
	Description string
	Parent      oteltrace.SpanID

	DroppedAttributes, DroppedEvents, DroppedLinks uint32

	Code         codes.Code
	Kind         uint8 // an [oteltrace.SpanKind], in less memory
	RemoteParent bool
}

// AppendSpan appends what is left of a span to its attributes, events and links. The trace flags are
// its very end, see [SetSampled].
func AppendSpan(b []byte, s *Span, end time.Time) []byte {
	tid, sid := s.Context.TraceID(), s.Context.SpanID()
	b = AppendBytes(b, traceIDField, tid[:])
	b = AppendBytes(b, spanIDField, sid[:])
	if ts := s.Context.TraceState(); ts.Len() > 0 {
		b = AppendText(b, stateField, ts.String())
	}
	if s.Parent.IsValid() {
		b = AppendBytes(b, parentField, s.Parent[:])
	}
	if s.Name != "" {
		b = AppendText(b, nameField, s.Name)
	}
	b = append(b, kindField<<3|typeVarint, s.Kind) // the same numbers
	b = appendFixed64(b, startField, nanos(s.Start))
	b = appendFixed64(b, endField, nanos(end))
	b = appendCount(b, droppedAttrField, s.DroppedAttributes)
	b = appendCount(b, droppedEvents, s.DroppedEvents)
	b = appendCount(b, droppedLinks, s.DroppedLinks)
	b = appendStatus(b, s.Code, s.Description)
	b = append(b, 0x85, 0x01) // field 16, four bytes
	return binary.LittleEndian.AppendUint32(b, flags(s.Context.TraceFlags(), s.RemoteParent))
}

func appendCount(b []byte, field byte, n uint32) []byte {
	if n == 0 {
		return b
	}
	return AppendUint(b, field, uint64(n))
}

func appendStatus(b []byte, code codes.Code, description string) []byte {
	b = open(b, statusField)
	from := len(b)
	if description != "" {
		b = AppendText(b, 2, description)
	}
	switch code { // other numbers than the API's
	case codes.Ok:
		b = AppendUint(b, 3, 1)
	case codes.Error:
		b = AppendUint(b, 3, 2)
	}
	return seal(b, from)
}

// SetSampled sets the sampled flag of a span to which [AppendSpan] has just been applied.
func SetSampled(b []byte) { b[len(b)-4] |= byte(oteltrace.FlagsSampled) }

// nanos is t as OTLP has it; before 1970 there is nothing.
func nanos(t time.Time) uint64 { return uint64(max(0, t.UnixNano())) }

// flags also says that it is known whether the parent, or the span linked to, is remote.
func flags(f oteltrace.TraceFlags, remote bool) uint32 {
	n := uint32(f) | flagsHasRemote
	if remote {
		n |= flagsRemote
	}
	return n
}
