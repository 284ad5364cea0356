package spool

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Record is what was appended, and its name.
type Record struct {
	Session uint64 // drawn by the Writer
	Number  uint64 // counted by it
	Data    []byte // good until the next call of Next
}

// ID returns a name for the record that no other has: the same each time it is
// read, on whatever machine, and safe in a URL. It is 22 characters long.
func (r Record) ID() string {
	b := binary.BigEndian.AppendUint64(nil, r.Session)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(b, r.Number))
}

// Reader reads a spool's records in order, while a Writer, in this process or in
// another, may be appending. It is not safe for concurrent use.
type Reader struct {
	dir string
	c   Cursor // behind the last record returned
	f   *os.File
	s   scanner
}

// NewReader returns a Reader that begins at c.
func NewReader(dir string, c Cursor) *Reader { return &Reader{dir: dir, c: c} }

// Cursor returns the place behind the last record that Next returned.
func (r *Reader) Cursor() Cursor { return r.c }

// Next returns the next record. The error is [io.EOF] when there is none yet:
// call Next again later. Records that are missing are counted in the Cursor.
func (r *Reader) Next() (Record, error) {
	for {
		if r.f == nil {
			if err := r.openNext(); err != nil {
				return Record{}, err
			}
		}
		rec, err := r.read()
		if !errors.Is(err, errEnd) {
			return rec, err
		}
		if err := r.turn(); err != nil {
			return Record{}, err
		}
	}
}

// Close gives up the open segment. Next would open it again.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	f := r.f
	r.f = nil
	return f.Close()
}

// read returns the next record of the open segment.
func (r *Reader) read() (Record, error) {
	for {
		seq, data, err := r.s.scan()
		if err != nil {
			if errors.Is(err, errEnd) {
				return Record{}, errEnd
			}
			return Record{}, fmt.Errorf("read spool %s: %w", r.f.Name(), err)
		}
		r.c.Offset = r.s.offset
		r.c.Lost += seq - r.c.Next
		r.c.Next = seq
		if len(data) == 0 {
			r.s.next = seq
			continue
		}
		r.c.Next++
		return Record{r.c.Session, seq, data}, nil
	}
}

// turn is called at the end of what the open segment holds. If there is a newer
// segment, nobody writes to this one any more: it is looked at once more as such,
// then left. Otherwise the error is io.EOF.
func (r *Reader) turn() error {
	if r.s.final {
		if err := r.Close(); err != nil {
			return err
		}
		r.c.Segment++
		r.c.Offset = 0
		return nil
	}
	all, err := r.list()
	if err != nil {
		return err
	}
	if len(all) == 0 || all[len(all)-1].number <= r.c.Segment {
		return io.EOF
	}
	r.s.final = true
	return nil
}

// openNext opens the segment of the cursor or, if that is gone, the next one.
func (r *Reader) openNext() error {
	all, err := r.list()
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(s segment) bool { return s.number >= r.c.Segment })
	if at < 0 {
		return io.EOF
	}
	for i, s := range all[at:] {
		last := at+i == len(all)-1
		err := r.openSegment(s.number, last)
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away meanwhile
		}
		if errors.Is(err, errHead) {
			if last {
				return io.EOF // it is just being begun
			}
			continue
		}
		return err
	}
	return io.EOF
}

func (r *Reader) openSegment(number uint64, last bool) error {
	f, err := os.Open(segmentPath(r.dir, number))
	if err != nil {
		return fmt.Errorf("read spool: %w", err)
	}
	h, err := readHead(f)
	if err != nil {
		f.Close()
		return fmt.Errorf("read spool %s: %w", f.Name(), err)
	}
	r.f = f
	switch {
	case r.c == Cursor{}: // what came before the oldest record is not ours to miss
		r.c.Session, r.c.Next = h.session, h.first
	case h.session != r.c.Session:
		r.c.Session, r.c.Next = h.session, 0
	}
	if number != r.c.Segment || r.c.Offset < segmentHead {
		r.c.Segment, r.c.Offset = number, segmentHead
	}
	r.s = scanner{f: f, offset: r.c.Offset, next: r.c.Next, final: !last, chunk: r.s.chunk}
	return nil
}

func (r *Reader) list() ([]segment, error) {
	all, err := segments(r.dir)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	return all, nil
}
