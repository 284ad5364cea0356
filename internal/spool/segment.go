package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A segment begins with a head: magic, session, number of the record that comes
// first, time of creation, checksum.
const (
	magic       = "clewspl1"
	segmentHead = 8 + 8 + 8 + 8 + 4
	suffix      = ".seg"
)

// Names of the other files in a spool's directory.
const (
	lockName   = "writer.lock"
	stateName  = "writer.state"
	cursorName = "cursor.json"
)

// maxRecord bounds the data of one record, in bytes.
const maxRecord = 255 << 10

// head is what a segment says of itself.
type head struct {
	session uint64    // drawn by each Writer: with a record's number it names the record for good
	first   uint64    // number of the record that comes first
	created time.Time // for people; nothing depends on it
}

func (h head) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint64(b, h.session)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.created.UnixNano()))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// errHead is the error for a segment whose head is damaged or not yet written.
var errHead = errors.New("the head of the segment is damaged")

func readHead(r io.ReaderAt) (head, error) {
	b := make([]byte, segmentHead)
	if _, err := r.ReadAt(b, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return head{}, errHead
		}
		return head{}, err
	}
	if got := string(b[:8]); got != magic && strings.HasPrefix(got, magic[:7]) {
		return head{}, fmt.Errorf("format %q is not %q: a newer clew has written it", got, magic)
	}
	sum := binary.LittleEndian.Uint32(b[segmentHead-4:])
	if string(b[:8]) != magic || sum != crc32.Checksum(b[:segmentHead-4], castagnoli) {
		return head{}, errHead
	}
	return head{
		session: binary.LittleEndian.Uint64(b[8:]),
		first:   binary.LittleEndian.Uint64(b[16:]),
		created: time.Unix(0, int64(binary.LittleEndian.Uint64(b[24:]))),
	}, nil
}

// segment is a file of a spool, as the directory lists it.
type segment struct {
	number  uint64
	size    int64
	written time.Time
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016d%s", number, suffix))
}

// segments lists dir, the oldest first. Files of other names are none of ours.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), suffix)
		number, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, segment{number, info.Size(), info.ModTime()})
	}
	slices.SortFunc(all, func(a, b segment) int {
		switch {
		case a.number < b.number:
			return -1
		case a.number > b.number:
			return 1
		}
		return 0
	})
	return all, nil
}

// Purge takes away the segments that lie wholly before c and were last written
// before the time given. It returns how many bytes that freed.
func Purge(dir string, c Cursor, before time.Time) (freed int64, err error) {
	all, err := segments(dir)
	if err != nil {
		return 0, fmt.Errorf("purge spool: %w", err)
	}
	for _, s := range all {
		if s.number >= c.Segment || !s.written.Before(before) {
			continue
		}
		if err := os.Remove(segmentPath(dir, s.number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return freed, fmt.Errorf("purge spool: %w", err)
		}
		freed += s.size
	}
	return freed, nil
}
