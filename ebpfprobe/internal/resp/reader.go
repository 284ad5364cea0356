// Package resp reads the requests that clients of a Redis server send, from the
// bytes of the server's reads, cut anywhere. It is the model of the reader in C
// that runs in the kernel (internal/bpf/resp.h): both say the same of the same
// bytes, and tests hold them to it.
package resp

import (
	"bytes"
	"strconv"
)

// What is looked at, in bytes; and what servers allow.
const (
	MaxName  = 24 // of a name; longer ones are cut
	MaxFirst = 40 // of the first argument: a sha1 in hexadecimal digits

	maxArgs = 1024 * 1024
	maxBulk = 512 * 1024 * 1024
)

// State is where in the stream a Reader is.
type State uint8

// The states.
const (
	AtRequest State = iota // before a request
	InBulks                // before a bulk string of one
	InInline               // in an inline command, behind its name
	AtInline               // in an inline command, before its name
	Adrift                 // somewhere: seen first in mid-stream, or not understood
	TLS                    // ciphertext
)

// Request is a complete request.
type Request struct {
	Name  string // in capitals, at most MaxName bytes
	Args  int    // bulk strings, the name included; 0 of an inline command
	First []byte // the beginning of the first argument; nil of an inline command
}

// Reader follows one connection. The zero value begins with a connection's first
// byte; one that is in mid-stream begins with State Adrift.
type Reader struct {
	State   State
	Resyncs int // how often the stream was found anew

	skip  int64  // bytes of the present string still to come, with its CR LF
	done  bool   // the request is complete when skip is 0
	args  int    // bulk strings still to come, without the present one
	seen  int    // bulk strings of the request that were begun, up to 2
	carry []byte // a piece too short to be understood
	req   Request
}

// Read takes the bytes of one read and calls each with every request that is
// complete then. It keeps nothing of p.
func (r *Reader) Read(p []byte, each func(Request)) {
	if len(p) == 0 {
		return
	}
	if r.State == Adrift && !r.resync(p) {
		return
	}
	b := append(r.carry, p...)
	r.carry = nil
	for len(b) > 0 && r.State != Adrift && r.State != TLS {
		n := r.step(b, each)
		if n < 0 { // not enough to be understood
			if r.State != Adrift {
				r.carry = bytes.Clone(b)
			}
			return
		}
		b = b[n:]
	}
}

// step takes the beginning of b and returns how much, -1 if there is not enough of
// it.
func (r *Reader) step(b []byte, each func(Request)) int {
	n := 0
	switch {
	case r.skip > 0:
		n = int(min(r.skip, int64(len(b))))
		r.skip -= int64(n)
		r.finish(each)
	case r.State == InBulks:
		n = r.bulk(b, each)
	case r.State == AtRequest:
		n = r.start(b)
	case r.State == AtInline:
		n = r.inlineName(b)
	case r.State == InInline:
		n = 1
		if b[0] == '\n' {
			r.end(each)
		}
	}
	return n
}

func (r *Reader) finish(each func(Request)) {
	if r.skip == 0 && r.done {
		r.end(each)
	}
}

func (r *Reader) end(each func(Request)) {
	r.State = AtRequest
	each(r.req)
}

func (r *Reader) lose() int {
	r.State = Adrift
	r.skip = 0
	return -1
}

func (r *Reader) start(b []byte) int {
	r.req, r.seen, r.done = Request{}, 0, false
	switch b[0] {
	case 0x16, 0x17: // TLS: handshake, application data
		r.State = TLS
		return len(b)
	case '*':
	default:
		r.State = AtInline
		return 0
	}
	number, line := header(b)
	if line == 0 {
		return -1
	}
	if line < 0 || number > maxArgs {
		return r.lose()
	}
	if number > 0 { // servers take *0 and *-1 for nothing
		r.args, r.req.Args = int(number), int(number)
		r.State = InBulks
	}
	return line
}

func (r *Reader) bulk(b []byte, each func(Request)) int {
	if b[0] != '$' {
		return r.lose()
	}
	number, line := header(b)
	if line == 0 {
		return -1
	}
	if line < 0 || number < 0 || number > maxBulk {
		return r.lose()
	}
	content := b[line:]
	switch r.seen {
	case 0:
		want := int(min(number, MaxName))
		if len(content) < want {
			return -1
		}
		r.req.Name = upper(content[:want])
		r.seen = 1
	case 1:
		want := int(min(number, MaxFirst))
		if len(content) < want {
			return -1
		}
		r.req.First = append([]byte{}, content[:want]...)
		r.seen = 2
	}
	r.args--
	r.done = r.args == 0
	r.skip = number + 2
	n := min(r.skip, int64(len(content)))
	r.skip -= n
	r.finish(each)
	return line + int(n)
}

func (r *Reader) inlineName(b []byte) int {
	switch {
	case b[0] == '\n':
		r.State = AtRequest
		return 1
	case blank(b[0]):
		return 1
	}
	n := 0
	for n < MaxName {
		if n == len(b) {
			return -1
		}
		if blank(b[n]) || b[n] == '\n' {
			break
		}
		n++
	}
	if n == len(b) {
		return -1
	}
	r.req.Name = upper(b[:n])
	r.State = InInline
	return n
}

// resync says whether an Adrift reader may go on with this read: it looks like the
// beginning of an array. Text might be an inline command, or the end of anybody's
// value.
func (r *Reader) resync(p []byte) bool {
	r.carry = nil
	if len(p) < 2 {
		return false
	}
	switch {
	case p[0] == '*' && '1' <= p[1] && p[1] <= '9':
		r.Resyncs++
		r.State = AtRequest
		return true
	case (p[0] == 0x16 || p[0] == 0x17) && p[1] == 3:
		r.State = TLS
	}
	return false
}

// header reads the header line at the beginning of b: its number and its length. A
// length of 0 means that its end has not come yet, -1 that it is none.
func header(b []byte) (number int64, line int) {
	at := 1
	if at < len(b) && b[at] == '-' {
		at++
	}
	from := at
	for at < len(b) && at-from < 10 && '0' <= b[at] && b[at] <= '9' {
		at++
	}
	if at+1 >= len(b) {
		return 0, 0
	}
	if at == from || b[at] != '\r' {
		return 0, -1
	}
	number, err := strconv.ParseInt(string(b[1:at]), 10, 64)
	if err != nil {
		return 0, -1
	}
	return number, at + 2
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// upper returns a name in capitals, without zeros at its end: the kernel fills names
// up with them.
func upper(b []byte) string {
	out := bytes.TrimRight(b, "\x00")
	out = bytes.Clone(out)
	for i, c := range out {
		if 'a' <= c && c <= 'z' {
			out[i] = c - 'a' + 'A'
		}
	}
	return string(out)
}
