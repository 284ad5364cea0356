package provider

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

// SetAttributes implements [oteltrace.Span]. Of values with one key the last counts, in the place of
// the first.
func (s *Span) SetAttributes(kvs ...attribute.KeyValue) {
	if len(kvs) == 0 || !s.lock() {
		return
	}
	limit := s.tracer.provider.limits.AttributeValueLengthLimit
	for i := range kvs {
		if !kvs[i].Valid() {
			s.head.DroppedAttributes++
			continue
		}
		from := len(s.buf.b)
		s.buf.b = otlp.AppendAttribute(s.buf.b, otlp.SpanAttribute, &kvs[i], limit)
		s.settle(string(kvs[i].Key), from)
	}
	s.mu.Unlock()
}

// SetString sets an attribute. It does what [Span.SetAttributes] does for one string, without a
// [attribute.KeyValue] being made.
func (s *Span) SetString(key, value string) {
	if !s.lock() {
		return
	}
	if key == "" {
		s.head.DroppedAttributes++
	} else {
		from := len(s.buf.b)
		s.buf.b = otlp.AppendString(s.buf.b, otlp.SpanAttribute, key, value, s.tracer.provider.limits.AttributeValueLengthLimit)
		s.settle(key, from)
	}
	s.mu.Unlock()
}

// SetInt sets an attribute, like [Span.SetString].
func (s *Span) SetInt(key string, value int64) {
	if !s.lock() {
		return
	}
	if key == "" {
		s.head.DroppedAttributes++
	} else {
		from := len(s.buf.b)
		s.buf.b = otlp.AppendInt(s.buf.b, otlp.SpanAttribute, key, value)
		s.settle(key, from)
	}
	s.mu.Unlock()
}

// settle decides on the attribute that has been appended at from: it stays, or takes the place of the
// one that has the same key, or is one too many. The caller holds the lock.
func (s *Span) settle(key string, from int) {
	b := s.buf.b
	if s.keys.mayHave(key) {
		if at, to := otlp.Find(b[:from], otlp.Clean(key)); at >= 0 {
			value := slices.Clone(b[from:])
			s.buf.b = otlp.Replace(b[:from], at, to, value)
			return
		}
	}
	if limit := s.tracer.provider.limits.AttributeCountLimit; limit >= 0 && int(s.attributes) >= limit {
		s.buf.b = b[:from]
		s.head.DroppedAttributes++
		return
	}
	s.attributes++
	s.keys.add(key)
	if s.keys.all == nil && s.attributes > manyKeys {
		s.keys.index(b)
	}
}

// keySet knows which keys a span's attributes may have, so that they need not be looked at for each
// new one: one bit of each key's hash, and the keys themselves once there are many.
type keySet struct {
	bits [4]uint64
	all  map[string]struct{}
}

// manyKeys is where nearly every key would meet the bit of another.
const manyKeys = 64

// hash picks a bit. It looks at a few bytes only: keys are short, and differ in length or towards
// their end.
func hash(key string) (word, bit uint64) {
	n := len(key)
	if n == 0 {
		return 0, 1
	}
	h := uint32(n) | uint32(key[n-1])<<8 | uint32(key[n/2])<<16 | uint32(key[n/4])<<24
	h *= 0x9e3779b1 // Knuth's multiplicative hashing
	return uint64(h >> 30), 1 << (h >> 24 & 63)
}

func (k *keySet) mayHave(key string) bool {
	if k.all != nil {
		_, ok := k.all[otlp.Clean(key)]
		return ok
	}
	word, bit := hash(key)
	return k.bits[word]&bit != 0
}

func (k *keySet) add(key string) {
	if k.all != nil {
		k.all[otlp.Clean(key)] = struct{}{}
		return
	}
	word, bit := hash(key)
	k.bits[word] |= bit
}

// index collects the keys of the attributes in b.
func (k *keySet) index(b []byte) {
	k.all = map[string]struct{}{}
	otlp.Keys(b, func(key string) { k.all[key] = struct{}{} })
}
