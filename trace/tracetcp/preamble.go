package tracetcp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"
)

const (
	// Version is the version of the preamble that this package writes.
	Version = 1
	// Token is what a client may offer in a field of the protocol's own logon, and a server may answer if
	// it understands the preamble in this version.
	Token = "clew-trace/1"
	// MaxPreamble bounds the fields of a preamble that is written, and is the default for what is read,
	// in bytes. W3C's traceparent takes 70 of them; what does not fit is left out, baggage first.
	MaxPreamble = 2048

	headerSize = 8
	maxName    = 64
	maxFields  = 32
)

// magic begins a preamble. Its first byte is in no UTF-8 and no digit in ASCII or EBCDIC, and taken for
// a length of four bytes it is more than a gigabyte in either order.
const magic = "\xFECTX"

// ErrPreamble is the class of errors for preambles that cannot be used.
var ErrPreamble = errors.New("unusable trace preamble")

// preambleError says what is wrong with a preamble, at which byte of it.
type preambleError struct {
	reason string // for the metric
	at     int
	detail string
}

func (e *preambleError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d", ErrPreamble, e.detail, e.at)
}

func (e *preambleError) Is(target error) bool { return target == ErrPreamble }

// Fields are what a preamble carries: the headers of a propagator, with their names in lower case.
type Fields = propagation.MapCarrier

// order is the order in which fields are written, before all others: what fits last is left out.
var order = []string{"traceparent", "tracestate", "b3", "uber-trace-id"}

// AppendPreamble appends the preamble with the fields to b. With no fields it appends nothing. A field
// that has no place in it, for its length or its characters, is left out.
func AppendPreamble(b []byte, fields Fields) []byte {
	start := len(b)
	b = append(b, magic...)
	b = append(b, Version, 0, 0, 0)
	n := 0
	for _, name := range names(fields) {
		value := fields[name]
		name = strings.ToLower(name)
		size := 3 + len(name) + len(value)
		if n == maxFields || !isName(name) || !isValue(value) || len(b)-start-headerSize+size > MaxPreamble {
			continue
		}
		b = append(b, byte(len(name)))
		b = append(b, name...)
		b = binary.BigEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, value...)
		n++
	}
	if n == 0 {
		return b[:start]
	}
	binary.BigEndian.PutUint16(b[start+6:], uint16(len(b)-start-headerSize))
	return b
}

// names returns the fields' names, those of a trace first and baggage last.
func names(fields Fields) []string {
	rank := func(name string) int {
		if strings.EqualFold(name, "baggage") {
			return len(order) + 1
		}
		if i := slices.Index(order, strings.ToLower(name)); i >= 0 {
			return i
		}
		return len(order)
	}
	sorted := slices.Sorted(maps.Keys(fields))
	slices.SortStableFunc(sorted, func(a, b string) int { return rank(a) - rank(b) })
	return sorted
}

// ReadPreamble reads the preamble that r is at, or nothing if it is at none: then it returns nil. Fields
// of more than limit bytes, of a version it does not know or out of form are read past, so that r is at
// the telegram, and the error is an [ErrPreamble]; any other error is r's. The buffer of r must be at
// least 8 bytes. It waits for the first byte of what comes, and for more only if that begins a preamble.
func ReadPreamble(r *bufio.Reader, limit int) (Fields, error) {
	for n := 1; n <= len(magic); n++ {
		begin, err := r.Peek(n)
		if err != nil || begin[n-1] != magic[n-1] {
			if n > 1 && errors.Is(err, io.EOF) {
				err = nil // a telegram that is cut short, which is its reader's to say
			}
			return nil, err
		}
	}
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, fmt.Errorf("read trace preamble: %w", unexpected(err))
	}
	size := int(binary.BigEndian.Uint16(header[6:]))
	version := header[4]
	if version != Version || size > limit {
		if _, err := r.Discard(size); err != nil {
			return nil, fmt.Errorf("read trace preamble: %w", unexpected(err))
		}
		if version != Version {
			return nil, &preambleError{"version", 4, fmt.Sprintf("version %d, not %d", version, Version)}
		}
		return nil, &preambleError{"too_long", 6, fmt.Sprintf("%d bytes of fields, more than %d", size, limit)}
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("read trace preamble: %w", unexpected(err))
	}
	return parseFields(body)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseFields reads what is behind the header.
func parseFields(b []byte) (Fields, error) {
	fields := Fields{}
	for at := 0; at < len(b); {
		bad := func(detail string) (Fields, error) {
			return nil, &preambleError{"malformed", headerSize + at, detail}
		}
		if len(fields) == maxFields {
			return bad(fmt.Sprintf("more than %d fields", maxFields))
		}
		n := int(b[at])
		if len(b)-at < 3+n {
			return bad("a field that is cut short")
		}
		name := string(b[at+1 : at+1+n])
		if !isName(name) {
			return bad("a field's name that is none")
		}
		if _, twice := fields[name]; twice {
			return bad("a field that has been before")
		}
		size := int(binary.BigEndian.Uint16(b[at+1+n:]))
		if len(b)-at < 3+n+size {
			return bad("a field that is cut short")
		}
		value := string(b[at+3+n : at+3+n+size])
		if !isValue(value) {
			return bad("a value with a control character or beyond ASCII")
		}
		fields[name] = value
		at += 3 + n + size
	}
	return fields, nil
}

// isName reports whether s is a header's name in lower case.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

// isValue reports whether s is made of what headers are made of: ASCII from space on.
func isValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
