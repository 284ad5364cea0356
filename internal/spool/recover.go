package spool

import (
	"errors"
	"fmt"
	"os"
	"time"
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
	if err != nil {
		return Recovered{}, err
	}
	if len(all) == 0 {
		return endUnwritten(dir, head{}, 0)
	}
	path := segmentPath(dir, all[len(all)-1].number)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Recovered{}, fmt.Errorf("recover: %w", err)
	}
	h, err := readHead(f)
	if err != nil && !errors.Is(err, errHead) {
		return Recovered{}, errors.Join(fmt.Errorf("recover %s: %w", path, err), f.Close())
	}
	var r Recovered
	if err == nil {
		r, err = endSession(f, h, dir)
	} else {
		r, err = Recovered{Unclean: true}, nil // killed while it began the segment; readers pass over it
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return r, fmt.Errorf("recover %s: %w", path, err)
	}
	last, err := endUnwritten(dir, h, all[len(all)-1].number)
	last.Unclean, last.Torn, last.Lost = last.Unclean || r.Unclean, r.Torn, last.Lost+r.Lost
	return last, err
}

// endUnwritten ends a session that was killed before its first segment: one of the
// mark alone, behind the segment with the number given, tells how many it had. A
// Writer that is closed notes that it has none.
func endUnwritten(dir string, newest head, number uint64) (Recovered, error) {
	session, counted, ok := readState(dir)
	if !ok || counted == 0 || session == newest.session {
		return Recovered{}, nil
	}
	if c, err := LoadCursor(dir); err == nil {
		number = max(number, c.Segment)
	}
	b := head{session: session, created: time.Now()}.append(nil)
	at := len(b)
	b = appendFrame(b, counted, nil)
	seal(b[at:])
	if err := os.WriteFile(segmentPath(dir, number+1), b, 0o600); err != nil {
		return Recovered{}, fmt.Errorf("recover: %w", err)
	}
	return Recovered{Unclean: true, Lost: counted}, nil
}

func endSession(f *os.File, h head, dir string) (Recovered, error) {
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
