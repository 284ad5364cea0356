// Package mark writes into Go's execution trace where spans begin and end and
// which goroutine carries which span, for package timeline to read. It costs one
// atomic load while nobody traces: ask [On] before anything else.
//
// It imports the standard library only, so that what every service links
// (propagate, trace) can mark without the reader's dependencies.
package mark

import (
	"context"
	"encoding/hex"
	rtrace "runtime/trace"
	"strings"
)

// Category is that of all marks among the trace's user log events.
const Category = "clew"

// MaxName is how many bytes of a span's name a mark keeps: the trace stores each
// mark's text anew.
const MaxName = 64

// On reports whether an execution trace or a flight recorder is running.
func On() bool { return rtrace.IsEnabled() }

// Kind says what a Mark marks.
type Kind byte

// The kinds of marks. Carry says which span the goroutine carries from here on;
// a zero span means none.
const (
	Begin Kind = 'b'
	End   Kind = 'e'
	Carry Kind = 'c'
)

// Mark is one mark, read back. Parent and Name come with Begin only, Trace with
// Begin and Carry.
type Mark struct {
	Kind   Kind
	Trace  [16]byte
	Span   [8]byte
	Parent [8]byte // zero for a root, or if unknown
	Name   string
}

// Write writes m into the execution trace, on the running goroutine. It does
// nothing while nobody traces.
func (m Mark) Write() {
	if On() {
		rtrace.Log(context.Background(), Category, m.Text())
	}
}

// Text is m as it stands in the trace: one letter, the ids in hex, and the name after a space.
func (m Mark) Text() string {
	b := make([]byte, 0, 1+2*(16+8+8)+1+MaxName)
	b = append(b, byte(m.Kind))
	switch m.Kind {
	case Begin:
		b = hex.AppendEncode(b, m.Trace[:])
		b = hex.AppendEncode(b, m.Span[:])
		b = hex.AppendEncode(b, m.Parent[:])
		b = append(b, ' ')
		b = append(b, m.Name[:min(len(m.Name), MaxName)]...)
	case Carry:
		if m.Span == [8]byte{} {
			break
		}
		b = hex.AppendEncode(b, m.Trace[:])
		b = hex.AppendEncode(b, m.Span[:])
	default:
		b = hex.AppendEncode(b, m.Span[:])
	}
	return string(b)
}

// Parse reads the text of a mark. It is not ok for a log message of somebody
// else's in our category.
func Parse(text string) (m Mark, ok bool) {
	if text == "" {
		return Mark{}, false
	}
	m.Kind, text = Kind(text[0]), text[1:]
	var fields [][]byte
	switch m.Kind {
	case Begin:
		var found bool
		if text, m.Name, found = strings.Cut(text, " "); !found {
			return Mark{}, false
		}
		fields = [][]byte{m.Trace[:], m.Span[:], m.Parent[:]}
	case Carry:
		if text == "" {
			return m, true
		}
		fields = [][]byte{m.Trace[:], m.Span[:]}
	case End:
		fields = [][]byte{m.Span[:]}
	default:
		return Mark{}, false
	}
	for _, f := range fields {
		if len(text) < 2*len(f) {
			return Mark{}, false
		}
		if _, err := hex.Decode(f, []byte(text[:2*len(f)])); err != nil {
			return Mark{}, false
		}
		text = text[2*len(f):]
	}
	return m, text == "" && m.Span != [8]byte{}
}
