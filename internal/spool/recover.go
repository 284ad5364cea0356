package spool

import (
	"errors"
	"fmt"
	"os"
)

// Recovered is what a Writer found of one before it that was not closed.
type Recovered struct {
	Unclean bool  // there was one
	Torn    int64 // bytes behind its last whole record
	// Lost is how many records it had counted that are on disk neither before nor
	// behind that: what it had in memory, and what it dropped at the end.
	Lost uint64
}

// recoverSpool ends the last session properly if its Writer has not: a record that
// was written in part is cut off, and a mark says with which number it ended.
func recoverSpool(dir string) (Recovered, error) {
	all, err := segments(dir)
	if err != nil || len(all) == 0 {
		return Recovered{}, err
	}
	path := segmentPath(dir, all[len(all)-1].number)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Recovered{}, fmt.Errorf("recover: %w", err)
	}
	r, err := endSession(f, dir)
	if err := errors.Join(err, f.Close()); err != nil {
		return r, fmt.Errorf("recover %s: %w", path, err)
	}
	return r, nil
}

func endSession(f *os.File, dir string) (Recovered, error) {
	h, err := readHead(f)
	if errors.Is(err, errHead) {
		// Killed while it began the segment, or damaged. Readers pass over it.
		return Recovered{Unclean: true}, nil
	}
	if err != nil {
		return Recovered{}, err
	}
	end, next, closed, err := lastFrame(f, h.first)
	if err != nil || closed {
		return Recovered{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return Recovered{}, err
	}
	r := Recovered{Unclean: true, Torn: info.Size() - end}
	mark := next
	if session, counted, ok := readState(dir); ok && session == h.session && counted > next {
		mark, r.Lost = counted, counted-next
	}
	if err := f.Truncate(end); err != nil {
		return r, err
	}
	frame := appendFrame(nil, mark, nil)
	seal(frame)
	if _, err := f.WriteAt(frame, end); err != nil {
		return r, err
	}
	return r, f.Sync()
}

// lastFrame finds where the last whole frame of a segment ends, the number that
// comes next, and whether that frame closes the session.
func lastFrame(f *os.File, first uint64) (end int64, next uint64, closed bool, err error) {
	s := scanner{f: f, offset: segmentHead, next: first, final: true}
	for {
		seq, data, err := s.scan()
		if errors.Is(err, errEnd) {
			return s.offset, s.next, closed, nil
		}
		if err != nil {
			return 0, 0, false, err
		}
		closed = len(data) == 0
		if closed {
			s.next = seq
		}
	}
}
