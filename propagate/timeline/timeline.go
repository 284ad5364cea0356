// Package timeline tells where the time of a span went: how long its goroutine
// ran, was runnable but had to wait for a processor, and waited, by reason. It
// reads Go's own execution trace, from a file or from a live
// [runtime/trace.FlightRecorder] by way of [Recorder]; nothing is instrumented
// but the spans, which mark themselves (package mark) while a trace is on.
//
// A goroutine carries the span it entered, or the one its creator carried. Work
// that goes to a goroutine which carries nothing is recovered where the trace
// proves the hand-over, and is called unknown where it does not: see [Report].
package timeline

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Report is what an execution trace says about the spans in it. Times are
// offsets from its first event.
type Report struct {
	Start  time.Time     // wall clock of the first event; zero in traces of Go 1.24 and older
	Length time.Duration // from the first to the last event
	Spans  []Span        // by Start

	// Unknown is work of marked regions (runtime/trace.WithRegion) on goroutines
	// that carry no span and for which the trace does not prove whose it was. Why
	// says what is missing.
	Unknown []Work

	// Warnings are doubts about the report: a trace that breaks off, marks that
	// do not fit together.
	Warnings []error
}

// Span is one span's time.
type Span struct {
	TraceID, SpanID, ParentID string // lower-case hex; ParentID is empty for a root
	Name                      string // up to mark.MaxName bytes
	Start, End                time.Duration

	// Complete is false if the trace lacks the span's beginning or end. Start or
	// End is then that of the trace.
	Complete bool

	// Own splits the time from Start to End by what the goroutine did that was on
	// the span: the one that began it, then, if that one left it, whichever
	// entered it next. Time under child spans on the same goroutine is included.
	// Its Total is End minus Start, to the nanosecond.
	Own Split

	// Elsewhere is what other goroutines did for the span meanwhile.
	Elsewhere []Work
}

// How a piece of work belongs to a span.
type How string

// The ways work belongs to a span.
const (
	Entered    How = "entered"     // the goroutine entered the span
	Inherited  How = "inherited"   // the goroutine was started by one that carried the span
	HandedOver How = "handed over" // a goroutine carrying the span sent it the work on a channel
)

// Work is a stretch of one goroutine's time.
type Work struct {
	Goroutine int64
	How       How    // empty in Report.Unknown
	Region    string // name of the region, for work that was handed over or is unknown
	Why       string // in Report.Unknown: why it is
	From, To  time.Duration
	Queued    time.Duration // handed over: from the send until the region began
	Split     Split
}

// Split is a time by what a goroutine did in it.
type Split struct {
	Running   time.Duration
	Runnable  time.Duration // ready, but no processor was free
	Syscall   time.Duration
	Waiting   map[string]time.Duration // by the runtime's reason: "chan receive", "sleep", "sync", …
	Suspended time.Duration            // no goroutine was on the span
	Unknown   time.Duration            // not in the trace
}

// Total is the sum of all parts.
func (s Split) Total() time.Duration {
	return s.Running + s.Runnable + s.Syscall + s.Wait() + s.Suspended + s.Unknown
}

// Wait is the sum over all reasons to wait.
func (s Split) Wait() time.Duration {
	var sum time.Duration
	for _, d := range s.Waiting {
		sum += d
	}
	return sum
}

// Reasons are the reasons to wait, the longest first.
func (s Split) Reasons() []string {
	return slices.SortedFunc(maps.Keys(s.Waiting), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Waiting[b], s.Waiting[a]), cmp.Compare(a, b))
	})
}

// Find returns the span with this id, in hex, or nil.
func (r *Report) Find(spanID string) *Span {
	i := slices.IndexFunc(r.Spans, func(s Span) bool { return s.SpanID == spanID })
	if i < 0 {
		return nil
	}
	return &r.Spans[i]
}

// longest are the spans that took at least d, the longest first.
func (r *Report) longest(d time.Duration) []Span {
	var spans []Span
	for _, s := range r.Spans {
		if s.End-s.Start >= d {
			spans = append(spans, s)
		}
	}
	slices.SortStableFunc(spans, func(a, b Span) int { return cmp.Compare(b.End-b.Start, a.End-a.Start) })
	return spans
}
