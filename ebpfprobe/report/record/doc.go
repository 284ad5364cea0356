// Package record keeps reports in a file while they come in, and reads them back
// anywhere.
//
// A recording begins with the line "redisprobe recording 1", where 1 is the
// version of what follows: frames, each of
//
//	4 bytes  length of the payload, little endian
//	4 bytes  CRC-32C of kind and payload, little endian
//	1 byte   kind: H header, I interval, E end
//	…        payload: JSON, that of I compressed by zstd
//
// The header comes first and says how the recording was made. An interval is a
// part of a report, as [report.Report.Since] returns it. The end holds the number
// of intervals; a recording without it was cut off, by a kill or a full disk, and
// is good up to there. A frame of another kind is skipped, so that a later
// version may add some.
package record

import (
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Header says how a recording was made.
type Header struct {
	Program string        `json:"program"` // name and version of the one who wrote it
	Start   time.Time     `json:"start"`
	Every   time.Duration `json:"every_ns"` // length of an interval
}

const (
	magic  = "redisprobe recording "
	format = 1 // the version in the first line

	kindHeader   = 'H'
	kindInterval = 'I'
	kindEnd      = 'E'

	frameHead = 9
	// maxPayload bounds the memory that a damaged or hostile file can ask for.
	maxPayload = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type end struct {
	Intervals int `json:"intervals"`
}

// ErrNotRecording is matched by the error about a file that is something else.
var ErrNotRecording = errors.New("not a recording of redisprobe")

// DamageError says where a recording is damaged. What comes before is good.
type DamageError struct {
	Frame     int   // number of the frame, from 1
	Offset    int64 // of its first byte
	Truncated bool  // the file ends too early, and nothing else is wrong with it
	Reason    string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("frame %d at offset %d: %s", e.Frame, e.Offset, e.Reason)
}
