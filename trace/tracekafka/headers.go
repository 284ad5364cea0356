package tracekafka

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/propagation"
)

// maxHeader bounds the value that is read of a header, in bytes: no trace context and no baggage that
// W3C has others pass on is longer. A record's headers are whatever its sender likes.
const maxHeader = 8192

// headers are a record's, for propagators to read.
type headers struct{ record *kgo.Record }

// Get implements propagation.TextMapCarrier. Of several the last one counts: whoever forwards a record
// without looking adds its own behind.
func (h headers) Get(key string) string {
	for _, kv := range slices.Backward(h.record.Headers) {
		if kv.Key == key {
			if len(kv.Value) > maxHeader {
				return ""
			}
			return string(kv.Value)
		}
	}
	return ""
}

// Keys implements propagation.TextMapCarrier.
func (h headers) Keys() []string {
	keys := make([]string, len(h.record.Headers))
	for i, kv := range h.record.Headers {
		keys[i] = kv.Key
	}
	return keys
}

// received are the headers of a record that was consumed. Nothing is written to them.
type received struct{ headers }

// Set implements propagation.TextMapCarrier.
func (received) Set(string, string) {}

// each are the headers of a batch.
func each(records []*kgo.Record) func(yield func(propagation.TextMapCarrier) bool) {
	return func(yield func(propagation.TextMapCarrier) bool) {
		for _, r := range records {
			if !yield(received{headers{r}}) {
				return
			}
		}
	}
}
