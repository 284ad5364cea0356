// Package hprof reads heap dumps in the hprof format, as HotSpot, GraalVM and
// Android write them: versions 1.0.1 to 1.0.3, ids of 4 and 8 bytes, one heap
// dump record or many segments. The format is described in HotSpot's
// heapDumper.cpp and, for Android's own records, in ART's hprof.cc.
//
// A dump is read from one slice of bytes, which may be a mapped file. [Open]
// finds the records; [File.Walk] passes over the objects, several segments at a
// time. Nothing is kept for an object: what a caller wants it collects itself.
package hprof

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Error is a place in a dump where it is not what it should be.
type Error struct {
	Offset int64  // from the beginning of the unpacked file
	What   string // what is wrong there
	Lost   int64  // bytes that cannot be used because of it; 0 when that cannot be told
}

func (e *Error) Error() string {
	s := fmt.Sprintf("at offset %d: %s", e.Offset, e.What)
	if e.Lost > 0 {
		s += fmt.Sprintf("; %d bytes are lost", e.Lost)
	}
	return s
}

// File is an opened dump. It is read only after the first Walk with a
// ClassVisitor, and may then be used by several goroutines.
type File struct {
	Version string // "1.0.2"
	IDSize  int    // bytes of an object id: 4 or 8
	Time    time.Time

	data    []byte
	segs    []segment
	strings map[uint64]span
	names   map[uint64]uint64 // class id to the id of its name

	damage []*Error
	blocks []Block
}

type segment struct{ begin, end int64 }

type span struct {
	off int64
	n   uint32
}

// The records that hold more than others know.
const (
	tagString      = 0x01
	tagLoadClass   = 0x02
	tagHeapDump    = 0x0c
	tagSegment     = 0x1c
	tagHeapDumpEnd = 0x2c
)

const magic = "JAVA PROFILE 1.0."

// recordHeader is tag, time and length of a record.
const recordHeader = 9

// Sniff tells whether head is the beginning of a dump.
func Sniff(head []byte) bool { return bytes.HasPrefix(head, []byte(magic)) }

// Open finds the records of a dump. The error is of type *Error and says that
// nothing can be made of it; lesser damage is in [File.Damage] after the walk.
func Open(data []byte) (*File, error) {
	f := &File{data: data, strings: map[uint64]span{}, names: map[uint64]uint64{}}
	begin, err := f.header()
	if err != nil {
		return nil, err
	}
	f.index(begin)
	if len(f.segs) == 0 {
		if len(f.damage) > 0 {
			e := f.damage[0]
			return nil, &Error{e.Offset, e.What + ", and no heap dump record comes before", 0}
		}
		return nil, &Error{int64(len(data)), "the file ends without a heap dump record", 0}
	}
	return f, nil
}

// Size is the length of the dump in bytes.
func (f *File) Size() int64 { return int64(len(f.data)) }

// Damage returns what was found wrong so far, by place.
func (f *File) Damage() []*Error {
	slices.SortFunc(f.damage, func(a, b *Error) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	return f.damage
}

func (f *File) header() (int64, error) {
	if !Sniff(f.data) {
		return 0, &Error{0, "the file does not begin with " + magic, 0}
	}
	i := bytes.IndexByte(f.data[:min(32, len(f.data))], 0)
	if i < 0 || len(f.data) < i+13 {
		return 0, &Error{int64(len(f.data)), "the file ends within its header", 0}
	}
	f.Version = string(f.data[len("JAVA PROFILE "):i])
	size := binary.BigEndian.Uint32(f.data[i+1:])
	if size != 4 && size != 8 {
		return 0, &Error{int64(i) + 1, fmt.Sprintf("ids of %d bytes are not supported, only 4 and 8", size), 0}
	}
	f.IDSize = int(size)
	if ms := binary.BigEndian.Uint64(f.data[i+5:]); ms > 0 && ms < 1<<48 {
		f.Time = time.UnixMilli(int64(ms)).UTC()
	}
	return int64(i) + 13, nil
}

// index passes over the top records, by their lengths only.
func (f *File) index(p int64) {
	n := int64(len(f.data))
	var ended, segments bool
	for p < n && !ended {
		if p+recordHeader > n {
			f.damaged(p, "the file ends within a record header", n-p)
			return
		}
		tag := f.data[p]
		length := int64(binary.BigEndian.Uint32(f.data[p+5:]))
		body := p + recordHeader
		if tag == tagHeapDump || tag == tagSegment {
			length = f.heapLength(tag, p, body, length)
			segments = segments || tag == tagSegment
		}
		end := body + length
		if end > n {
			// For a heap segment, the walk says how much of it is whole.
			if tag != tagHeapDump && tag != tagSegment {
				f.damaged(p, fmt.Sprintf("the record with tag %#02x claims %d bytes, %d remain in the file", tag, length, n-body), n-p)
				return
			}
			f.damaged(p, fmt.Sprintf("the heap dump record claims %d bytes, %d remain in the file", length, n-body), end-n)
			end = n
		}
		f.record(tag, body, end)
		ended = tag == tagHeapDumpEnd
		p = end
	}
	if segments && !ended && len(f.damage) == 0 {
		f.damaged(n, "the file ends without the record HEAP DUMP END: its writer was stopped", 0)
	}
}

func (f *File) record(tag byte, body, end int64) {
	id := int64(f.IDSize)
	short := func(want int64) bool {
		if end-body >= want {
			return false
		}
		f.damaged(body, fmt.Sprintf("the record with tag %#02x has %d bytes, needs %d", tag, end-body, want), end-body)
		return true
	}
	switch tag {
	case tagString:
		if !short(id) {
			f.strings[f.id(body)] = span{body + id, uint32(end - body - id)}
		}
	case tagLoadClass:
		if !short(8 + 2*id) {
			f.names[f.id(body+4)] = f.id(body + 8 + id)
		}
	case tagHeapDump, tagSegment:
		if end > body {
			f.segs = append(f.segs, segment{body, end})
		}
	}
}

// heapLength mends the length of a heap dump record. It is 0 when the writer
// died before it could fill it in, and what is left modulo 4 GiB when an old
// HotSpot wrote a larger one.
func (f *File) heapLength(tag byte, p, body, length int64) int64 {
	n := int64(len(f.data))
	if f.plausible(body+length, 2) || body+length > n {
		return length
	}
	if tag == tagHeapDump {
		for l := length + 1<<32; body+l <= n; l += 1 << 32 {
			if f.plausible(body+l, 2) {
				return l
			}
		}
	}
	if length == 0 {
		f.damaged(p, "the length of the heap dump record was never written: its writer was stopped", 0)
		return n - body
	}
	return length
}

// plausible tells whether depth records seem to follow at p, or the end.
func (f *File) plausible(p int64, depth int) bool {
	n := int64(len(f.data))
	for ; depth > 0 && p != n; depth-- {
		if p+recordHeader > n || !knownTag(f.data[p]) {
			return false
		}
		p += recordHeader + int64(binary.BigEndian.Uint32(f.data[p+5:]))
	}
	return true
}

func knownTag(t byte) bool {
	return t >= 0x01 && t <= 0x0e || t == tagSegment || t == tagHeapDumpEnd
}

func (f *File) damaged(at int64, what string, lost int64) {
	f.damage = append(f.damage, &Error{at, what, lost})
}

func (f *File) id(p int64) uint64 {
	if f.IDSize == 8 {
		return binary.BigEndian.Uint64(f.data[p:])
	}
	return uint64(binary.BigEndian.Uint32(f.data[p:]))
}

// ID reads the i-th id of b, such as the elements of an object array.
func (f *File) ID(b []byte, i int) uint64 {
	if f.IDSize == 8 {
		return binary.BigEndian.Uint64(b[8*i:])
	}
	return uint64(binary.BigEndian.Uint32(b[4*i:]))
}

// IDAt reads the id at the given byte of b, such as a field of an instance.
func (f *File) IDAt(b []byte, off int) uint64 {
	if f.IDSize == 8 {
		return binary.BigEndian.Uint64(b[off:])
	}
	return uint64(binary.BigEndian.Uint32(b[off:]))
}

// Bytes is the dump itself, to be read only.
func (f *File) Bytes() []byte { return f.data }

// text returns the string record id, or "" if there is none.
func (f *File) text(id uint64) string {
	s, ok := f.strings[id]
	if !ok {
		return ""
	}
	return string(f.data[s.off : s.off+int64(s.n)])
}
