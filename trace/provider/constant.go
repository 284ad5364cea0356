package provider

import (
	"math"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// Attributes are attributes that many spans have in common, encoded once. They are immutable.
type Attributes struct {
	kvs     []attribute.KeyValue
	encoded []byte // nil: something is odd about kvs, and each span must look at them
	keys    keySet
	longest int // the longest value, as far as a limit may cut it
}

// NewAttributes encodes kvs for [Span.Set].
func NewAttributes(kvs ...attribute.KeyValue) *Attributes {
	a := &Attributes{kvs: slices.Clone(kvs)}
	seen := map[attribute.Key]bool{}
	for i := range a.kvs {
		kv := &a.kvs[i]
		if !kv.Valid() || seen[kv.Key] || len(kvs) > manyKeys {
			a.encoded = nil
			return a
		}
		seen[kv.Key] = true
		a.keys.add(string(kv.Key))
		a.encoded = otlp.AppendAttribute(a.encoded, otlp.SpanAttribute, kv, -1)
		switch kv.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64, attribute.EMPTY:
		case attribute.STRING, attribute.BYTESLICE:
			a.longest = max(a.longest, len(kv.Value.AsString()))
		default:
			a.longest = math.MaxInt
		}
	}
	return a
}

// Set does what SetAttributes does with what a was made of. Where no key is there already and no limit
// is near, it costs a copy of some bytes.
func (s *Span) Set(a *Attributes) {
	if !s.lock() {
		return
	}
	if !s.mayCopy(a) {
		s.mu.Unlock()
		s.SetAttributes(a.kvs...)
		return
	}
	s.buf.b = append(s.buf.b, a.encoded...)
	s.attributes += uint32(len(a.kvs))
	for i, word := range a.keys.bits {
		s.keys.bits[i] |= word
	}
	s.mu.Unlock()
}

func (s *Span) mayCopy(a *Attributes) bool {
	l := &s.tracer.provider.limits
	n := int(s.attributes) + len(a.kvs)
	if a.encoded == nil || s.keys.all != nil || n > manyKeys || l.AttributeCountLimit >= 0 && n > l.AttributeCountLimit {
		return false
	}
	if l.AttributeValueLengthLimit >= 0 && a.longest > l.AttributeValueLengthLimit {
		return false
	}
	for i, word := range a.keys.bits {
		if s.keys.bits[i]&word != 0 {
			return false
		}
	}
	return true
}
