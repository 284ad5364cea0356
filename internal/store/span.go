package store

import (
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Span is a finished span as its process reported it. Times are as sent, on
// the clock of the host they were taken on: they may lie before the parent's,
// or end before they start.
//
// What its slices and pointers lead to is shared between readers and must not
// be changed.
type Span struct {
	TraceID    oteltrace.TraceID
	SpanID     oteltrace.SpanID
	ParentID   oteltrace.SpanID // zero for a root
	TraceState string
	Flags      uint32 // OTLP's: W3C trace flags, and two bits about the parent
	Name       string
	Service    string // service.name of the resource, "unknown_service" without one
	Kind       oteltrace.SpanKind
	Start, End int64 // nanoseconds since 1970 UTC
	Status     Status
	StatusText string // why, for StatusError
	Attrs      []Attr
	Events     []Event
	Links      []Link
	Cut        int // attributes, events and links left out, by the sender or by our limits
	Resource   *Resource
	Scope      Scope
}

// OTLP's flag bits about the parent.
const (
	flagHasIsRemote = 1 << 8
	flagIsRemote    = 1 << 9
)

// RemoteParent reports whether the parent is known to live in another process.
func (s *Span) RemoteParent() bool {
	return s.Flags&flagHasIsRemote != 0 && s.Flags&flagIsRemote != 0
}

// Status is a span's status code.
type Status uint8

// The status codes, numbered as in OTLP.
const (
	StatusUnset Status = iota
	StatusOK
	StatusError
)

func (s Status) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusError:
		return "error"
	default:
		return "unset"
	}
}

// Attr is an attribute. Its value is kept as text: a string as it is, numbers
// in Go's notation, bytes in base64, arrays and maps as JSON.
type Attr struct {
	Key   string
	Value string
	Type  Type
	Cut   bool // the value was longer
}

// Type is the type an attribute's value had.
type Type string

// The types of OTLP's AnyValue.
const (
	TypeEmpty  Type = "empty"
	TypeString Type = "string"
	TypeBool   Type = "bool"
	TypeInt    Type = "int"
	TypeDouble Type = "double"
	TypeBytes  Type = "bytes"
	TypeArray  Type = "array"
	TypeMap    Type = "map"
)

// Event is something that happened during a span.
type Event struct {
	Time  int64 // nanoseconds since 1970 UTC
	Name  string
	Attrs []Attr
}

// Link is a reference to another span. It is no parentage.
type Link struct {
	TraceID oteltrace.TraceID
	SpanID  oteltrace.SpanID
	Attrs   []Attr
}

// Resource is what a span came from. Spans of equal resources share one.
type Resource struct {
	Service string
	Attrs   []Attr
}

// Scope is the instrumentation that made a span.
type Scope struct {
	Name, Version string
}

// Summary is a trace in one line.
type Summary struct {
	TraceID oteltrace.TraceID
	// Entry, Service, Kind and Duration are those of the entry span: the
	// earliest root, or the earliest span whose parent is missing when there
	// is no root.
	Entry    string
	Service  string
	Kind     oteltrace.SpanKind
	Duration int64 // nanoseconds, ≥ 0
	Failed   bool  // the entry span's status is error
	// Start and End span all work of the trace, also what went on after the
	// entry span ended.
	Start, End int64
	Spans      int
	Services   []string // sorted
	Errors     int      // spans whose status is error
	Roots      int      // spans without a parent
	Lost       int      // spans whose parent is named but has not come
	Duplicates int      // spans that came again and were left out
	Dropped    int      // spans there was no room for
	// Version changes whenever the trace does.
	Version uint64
}

// Complete reports whether the trace hangs together as it is: one root, and
// every other span's parent is there.
func (s *Summary) Complete() bool {
	return s.Roots == 1 && s.Lost == 0 && s.Dropped == 0
}

// Trace is all that is known of a trace.
type Trace struct {
	Summary
	Spans []Span // in the order they came
}
