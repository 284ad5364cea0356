// Package otlp appends OpenTelemetry's messages to byte slices in the wire format of protocol
// buffers, without any message being built first. It knows the fields of a span, of its attributes,
// events and links, and of what lies around spans in a request; see the OTLP specification,
// opentelemetry-proto 1.11.
//
// All strings that are appended are made UTF-8: a receiver refuses the whole request for one that is
// not. What is not becomes U+FFFD.
//
// Nothing here is safe for concurrent use.
package otlp

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// The wire types that OTLP's spans use.
const (
	typeVarint = 0
	typeI64    = 1
	typeLen    = 2
	typeI32    = 5
)

// VarintLen is how many bytes v takes as a varint.
func VarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// AppendLen appends the head of a field of n bytes, whose number is below 16.
func AppendLen(b []byte, field byte, n int) []byte {
	return binary.AppendUvarint(append(b, field<<3|typeLen), uint64(n))
}

// AppendText appends a string, made UTF-8, also if it is empty.
func AppendText(b []byte, field byte, s string) []byte {
	s = Clean(s)
	return append(AppendLen(b, field, len(s)), s...)
}

// AppendBytes appends bytes as they are.
func AppendBytes(b []byte, field byte, s []byte) []byte {
	return append(AppendLen(b, field, len(s)), s...)
}

// AppendUint appends a number as a varint.
func AppendUint(b []byte, field byte, v uint64) []byte {
	return binary.AppendUvarint(append(b, field<<3|typeVarint), v)
}

// appendFixed64 appends a number in eight bytes.
func appendFixed64(b []byte, field byte, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, field<<3|typeI64), v)
}

// open begins a field whose length is not known yet; finish it with seal(b, len(returned b)).
func open(b []byte, field byte) []byte { return append(b, field<<3|typeLen, 0) }

// seal ends the field whose contents begin at from. One byte has been kept for the length; contents
// of 128 bytes and more are moved to make room for the rest.
func seal(b []byte, from int) []byte {
	n := len(b) - from
	if n < 0x80 {
		b[from-1] = byte(n)
		return b
	}
	more := VarintLen(uint64(n)) - 1
	for range more {
		b = append(b, 0)
	}
	copy(b[from+more:], b[from:from+n])
	binary.PutUvarint(b[from-1:], uint64(n))
	return b
}

// Clean returns s, with U+FFFD for each run of bytes that are not UTF-8.
func Clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Truncate returns the first limit characters of s, or s if limit is negative. As in the SDK, bytes
// that are not UTF-8 don't count, and are left out if something has to be cut off.
func Truncate(s string, limit int) string {
	if limit < 0 || len(s) <= limit {
		return s
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "")
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}
