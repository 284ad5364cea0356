package spool

import (
	"errors"
	"io"
)

// errEnd is the error where a segment has no further whole frame for now.
var errEnd = errors.New("end of the segment")

// scanner reads the frames of a segment one by one.
type scanner struct {
	f      io.ReaderAt
	offset int64  // of the next frame
	next   uint64 // its number if none is missing
	// final says that nobody writes to the segment any more, so that a frame that is
	// not whole never will be.
	final bool
	buf   []byte // read ahead; it begins at offset
	chunk []byte // what buf is a part of
}

// scan returns the next frame; data is good until the next call. A closing frame
// has no data and leaves s.next as it was.
func (s *scanner) scan() (seq uint64, data []byte, err error) {
	filled := false
	for {
		seq, data, size, err := parseFrame(s.buf)
		if err == nil && (seq < s.next || seq-s.next > maxGap) {
			err = errFrame // whole, but not from here
		}
		if err == nil {
			s.advance(size)
			if size > frameHead {
				s.next = seq + 1
			}
			return seq, data, nil
		}
		if !filled {
			if err := s.fill(); err != nil {
				return 0, nil, err
			}
			filled = true
			continue
		}
		// A damaged frame with whole ones behind it: those were written later.
		at := resync(s.buf, s.next)
		switch {
		case at > 0:
			s.advance(at)
		case s.final && len(s.buf) == cap(s.chunk):
			s.advance(len(s.buf) - maxFrame + 1) // what follows may begin in the rest
		default:
			return 0, nil, errEnd
		}
		filled = false
	}
}

// maxFrame is the longest frame there is.
const maxFrame = frameHead + maxRecord

func (s *scanner) advance(n int) {
	s.buf = s.buf[n:]
	s.offset += int64(n)
}

// fill reads what follows offset, enough for the longest frame.
func (s *scanner) fill() error {
	if s.chunk == nil {
		s.chunk = make([]byte, 2*maxFrame)
	}
	n, err := s.f.ReadAt(s.chunk, s.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	s.buf = s.chunk[:n]
	return nil
}
