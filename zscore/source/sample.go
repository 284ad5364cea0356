package source

import (
	"context"
	"time"
)

// Sample is one reading of one series, as a source sent it: a counter is not a
// rate yet, and a histogram not yet one number.
type Sample struct {
	Labels Labels
	Time   time.Time
	// Value is the reading, NaN where Histogram has it. Stale says that the series
	// has ended, by a stale marker or its like, and then there is no value.
	Value     float64
	Histogram *Histogram
	Stale     bool
	Type      Type
	// Start is when a counter or a histogram began to count, which tells of a
	// reset that its value does not; the zero time where the source doesn't say.
	Start time.Time
	// Exemplars are requests that went into the reading. Most have none.
	Exemplars []Exemplar
}

// Type is what a reading is, as far as the source knows.
type Type uint8

// The types that there are.
const (
	Unknown Type = iota // the source does not say
	Gauge               // goes up and down
	Counter             // counts up from a start
	Delta               // what was counted since the reading before
)

// String names the type in a lower-case word.
func (t Type) String() string { return [...]string{"unknown", "gauge", "counter", "delta"}[t] }

// Exemplar is one request that a reading counted, with the trace to look at.
type Exemplar struct {
	TraceID, SpanID string // lower-case hexadecimal
	Value           float64
	Time            time.Time // zero if the source doesn't say
	Labels          Labels    // what else was said of it
}

// Batch is what a source brings at once.
type Batch struct {
	// Input is the name of the source, the same in every batch of it.
	Input string
	// Samples belong to the source again once the sink has returned; what they
	// point to does not change.
	Samples []Sample
	// Err is why the source could not be read this time. A source that cannot be
	// read says so in every turn of its interval and goes on trying; that it is
	// silent is then no fault of its series.
	Err error
}

// Sink takes a batch. It may be called from several goroutines at once. An error
// is told to a sender that can send again, and is otherwise the input's to count.
type Sink func(ctx context.Context, b Batch) error

// Input is a place that samples come from.
type Input interface {
	// Name tells it from the others, and is the same after a restart.
	Name() string
	// Run brings batches to the sink until ctx is done, and then returns nil. When
	// it returns no goroutine of it is left. It returns an error when it cannot
	// start at all, such as when its address is in use; a peer that does not answer
	// is a [Batch.Err] instead. An input of finite length returns nil at its end.
	Run(ctx context.Context, sink Sink) error
}
