package batch

import (
	"encoding/binary"
	"unsafe"

	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// Batch is a number of spans in the order in which they ended.
type Batch struct {
	spans    int
	data     []byte // of each span the field of ScopeSpans
	runs     []run
	reserved int64
}

// run is a stretch of spans of one scope, up to end.
type run struct {
	scope *otlp.Enclosure
	end   int
}

// Spans is how many there are.
func (b *Batch) Spans() int { return b.spans }

// size is what a span of n bytes takes in a batch.
func size(n int) int { return 1 + otlp.VarintLen(uint64(n)) + n }

// fits reports whether a span that takes n bytes can be appended without any growth.
func (b *Batch) fits(scope *otlp.Enclosure, n int) bool {
	return len(b.data)+n <= cap(b.data) && (len(b.runs) < cap(b.runs) || b.continues(scope))
}

func (b *Batch) continues(scope *otlp.Enclosure) bool {
	return len(b.runs) > 0 && b.runs[len(b.runs)-1].scope == scope
}

func (b *Batch) append(scope *otlp.Enclosure, span []byte) {
	b.data = append(b.data, otlp.ScopeSpan<<3|2)
	b.data = binary.AppendUvarint(b.data, uint64(len(span)))
	b.data = append(b.data, span...)
	b.spans++
	if b.continues(scope) {
		b.runs[len(b.runs)-1].end = len(b.data)
		return
	}
	b.runs = append(b.runs, run{scope, len(b.data)})
}

// grown are the capacities with which a span that takes n bytes fits. There is no point in exceeding
// most, but for a span that is larger.
func (b *Batch) grown(scope *otlp.Enclosure, n, most int) (data, runs int) {
	data, runs = cap(b.data), cap(b.runs)
	if need := len(b.data) + n; need > data {
		data = max(need, min(2*data, most), firstData)
	}
	if len(b.runs) == runs && !b.continues(scope) {
		runs = max(2*runs, firstRuns)
	}
	return data, runs
}

const (
	firstData = 8 << 10
	firstRuns = 16
)

// cost is what a batch of these capacities occupies.
func cost(data, runs int) int64 { return int64(data) + int64(runs)*int64(unsafe.Sizeof(run{})) }

func (b *Batch) grow(data, runs int) {
	b.data = append(make([]byte, 0, data), b.data...)
	b.runs = append(make([]run, 0, runs), b.runs...)
	b.reserved = cost(data, runs)
}

func (b *Batch) empty() {
	clear(b.runs)
	b.spans, b.data, b.runs = 0, b.data[:0], b.runs[:0]
}
