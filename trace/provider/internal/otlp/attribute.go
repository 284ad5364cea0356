package otlp

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/otel/attribute"
)

// maxDepth bounds how deep lists and maps may lie in one another; what lies deeper is sent as empty.
// Receivers stop at a few thousand messages inside one another, and would refuse the whole request.
const maxDepth = 1000

// The fields of KeyValue and AnyValue.
const (
	keyField   = 1
	valueField = 2

	stringValue = 1
	boolValue   = 2
	intValue    = 3
	doubleValue = 4
	arrayValue  = 5
	kvlistValue = 6
	bytesValue  = 7

	elements = 1 // of ArrayValue and KeyValueList
)

// AppendAttribute appends kv as the given field, its strings cut to limit characters and its byte
// slices to limit bytes, unless limit is negative.
func AppendAttribute(b []byte, field byte, kv *attribute.KeyValue, limit int) []byte {
	switch kv.Value.Type() {
	case attribute.STRING:
		return AppendString(b, field, string(kv.Key), kv.Value.AsString(), limit)
	case attribute.INT64:
		return AppendInt(b, field, string(kv.Key), kv.Value.AsInt64())
	case attribute.BOOL:
		b = appendKey(b, field, string(kv.Key), 2)
		return appendBool(b, kv.Value.AsBool())
	case attribute.FLOAT64:
		b = appendKey(b, field, string(kv.Key), 9)
		return appendFixed64(b, doubleValue, math.Float64bits(kv.Value.AsFloat64()))
	case attribute.EMPTY:
		return appendKey(b, field, string(kv.Key), 0)
	}
	b = open(b, field)
	from := len(b)
	b = AppendText(b, keyField, string(kv.Key))
	b = open(b, valueField)
	value := len(b)
	b = appendValue(b, kv.Value, limit, maxDepth)
	return seal(seal(b, value), from)
}

// AppendString appends an attribute whose value is a string.
func AppendString(b []byte, field byte, key, value string, limit int) []byte {
	value = Clean(Truncate(value, limit))
	b = appendKey(b, field, key, 1+VarintLen(uint64(len(value)))+len(value))
	return append(AppendLen(b, stringValue, len(value)), value...)
}

// AppendInt appends an attribute whose value is an integer.
func AppendInt(b []byte, field byte, key string, value int64) []byte {
	b = appendKey(b, field, key, 1+VarintLen(uint64(value)))
	return AppendUint(b, intValue, uint64(value))
}

// appendKey appends all of an attribute that lies before its value of n bytes.
func appendKey(b []byte, field byte, key string, n int) []byte {
	key = Clean(key)
	b = AppendLen(b, field, 1+VarintLen(uint64(len(key)))+len(key)+1+VarintLen(uint64(n))+n)
	b = append(AppendLen(b, keyField, len(key)), key...)
	return AppendLen(b, valueField, n)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, boolValue<<3|typeVarint, 1)
	}
	return append(b, boolValue<<3|typeVarint, 0)
}

// appendValue appends the contents of an AnyValue.
func appendValue(b []byte, v attribute.Value, limit, depth int) []byte {
	switch v.Type() {
	case attribute.STRING:
		return AppendText(b, stringValue, Truncate(v.AsString(), limit))
	case attribute.INT64:
		return AppendUint(b, intValue, uint64(v.AsInt64()))
	case attribute.BOOL:
		return appendBool(b, v.AsBool())
	case attribute.FLOAT64:
		return appendFixed64(b, doubleValue, math.Float64bits(v.AsFloat64()))
	case attribute.BYTESLICE:
		s := v.AsByteSlice()
		if limit >= 0 && len(s) > limit {
			s = s[:limit]
		}
		return AppendBytes(b, bytesValue, s)
	case attribute.MAP:
		return appendMap(b, v.AsMap(), limit, depth)
	case attribute.EMPTY:
		return b
	}
	b = open(b, arrayValue)
	from := len(b)
	b = appendElements(b, v, limit, depth)
	return seal(b, from)
}

func appendElements(b []byte, v attribute.Value, limit, depth int) []byte {
	switch v.Type() {
	case attribute.STRINGSLICE:
		for _, s := range v.AsStringSlice() {
			s = Clean(Truncate(s, limit))
			b = AppendLen(b, elements, 1+VarintLen(uint64(len(s)))+len(s))
			b = append(AppendLen(b, stringValue, len(s)), s...)
		}
	case attribute.INT64SLICE:
		for _, n := range v.AsInt64Slice() {
			b = AppendLen(b, elements, 1+VarintLen(uint64(n)))
			b = AppendUint(b, intValue, uint64(n))
		}
	case attribute.FLOAT64SLICE:
		for _, f := range v.AsFloat64Slice() {
			b = AppendLen(b, elements, 9)
			b = appendFixed64(b, doubleValue, math.Float64bits(f))
		}
	case attribute.BOOLSLICE:
		for _, is := range v.AsBoolSlice() {
			b = appendBool(AppendLen(b, elements, 2), is)
		}
	case attribute.SLICE:
		for _, e := range v.AsSlice() {
			b = open(b, elements)
			from := len(b)
			if depth > 0 {
				b = appendValue(b, e, limit, depth-1)
			}
			b = seal(b, from)
		}
	}
	return b
}

// appendMap appends a map. [attribute.MapValue] has sorted it by key without taking out what is there
// twice: the last of equal keys counts.
func appendMap(b []byte, kvs []attribute.KeyValue, limit, depth int) []byte {
	b = open(b, kvlistValue)
	from := len(b)
	for i := range kvs {
		if i+1 < len(kvs) && kvs[i+1].Key == kvs[i].Key {
			continue
		}
		b = open(b, elements)
		kv := len(b)
		b = AppendText(b, keyField, string(kvs[i].Key))
		b = open(b, valueField)
		value := len(b)
		if depth > 0 {
			b = appendValue(b, kvs[i].Value, limit, depth-1)
		}
		b = seal(seal(b, value), kv)
	}
	return seal(b, from)
}

// Find returns where the span's attribute with that key lies in b, which holds whole fields of a
// length each, and -1 if there is none. The key must be UTF-8.
func Find(b []byte, key string) (from, to int) {
	for from < len(b) {
		n, w := binary.Uvarint(b[from+1:])
		to = from + 1 + w + int(n)
		if b[from] == SpanAttribute<<3|typeLen {
			k, _ := field(b[from+1+w : to])
			if string(k) == key {
				return from, to
			}
		}
		from = to
	}
	return -1, -1
}

// Text returns the value of the span's attribute with that key, if it is a string.
func Text(b []byte, key string) (string, bool) {
	from, to := Find(b, key)
	if from < 0 {
		return "", false
	}
	kv, _ := field(b[from:to])
	_, rest := field(kv)
	value, _ := field(rest)
	if len(value) == 0 || value[0] != stringValue<<3|typeLen {
		return "", false
	}
	s, _ := field(value)
	return string(s), true
}

// field returns the contents of the first field of b, which has a length, and what lies behind it.
func field(b []byte) (contents, rest []byte) {
	n, w := binary.Uvarint(b[1:])
	return b[1+w : 1+w+int(n)], b[1+w+int(n):]
}

// Keys calls yield with the key of each attribute of the span in b.
func Keys(b []byte, yield func(key string)) {
	for len(b) > 0 {
		contents, rest := field(b)
		if b[0] == SpanAttribute<<3|typeLen {
			k, _ := field(contents)
			yield(string(k))
		}
		b = rest
	}
}
