package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A frame is a record on disk: length of the data, checksum, number, data, all
// little-endian. The checksum covers the rest of the frame. A frame without data
// closes a session: its number is that of the record which would have come next.
const frameHead = 4 + 4 + 8

// maxGap bounds how many numbers two neighbouring records can lie apart; more is
// taken for damage.
const maxGap = 1 << 40

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errFrame is the error for bytes that are no whole frame.
var errFrame = errors.New("no whole record")

// appendFrame appends a frame whose checksum is still to be computed by seal.
func appendFrame(b []byte, seq uint64, data []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, seq)
	return append(b, data...)
}

// seal sets the checksums of all the frames in b, which appendFrame has made.
func seal(b []byte) {
	for len(b) > 0 {
		size := frameHead + int(binary.LittleEndian.Uint32(b))
		binary.LittleEndian.PutUint32(b[4:], checksum(b[:size]))
		b = b[size:]
	}
}

func checksum(frame []byte) uint32 {
	sum := crc32.Update(0, castagnoli, frame[:4])
	return crc32.Update(sum, castagnoli, frame[8:])
}

// parseFrame reads the frame at the beginning of b. size is its length in bytes;
// data lies in b.
func parseFrame(b []byte) (seq uint64, data []byte, size int, err error) {
	if len(b) < frameHead {
		return 0, nil, 0, errFrame
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n > uint64(len(b)-frameHead) {
		return 0, nil, 0, errFrame
	}
	size = frameHead + int(n)
	if binary.LittleEndian.Uint32(b[4:]) != checksum(b[:size]) {
		return 0, nil, 0, errFrame
	}
	return binary.LittleEndian.Uint64(b[8:]), b[frameHead:size], size, nil
}

// resync returns where in b, behind its first byte, the next whole frame begins
// that can follow the record before number next; -1 if there is none.
func resync(b []byte, next uint64) int {
	for at := 1; at+frameHead <= len(b); at++ {
		// The number is looked at first: it rules out nearly every wrong place.
		if seq := binary.LittleEndian.Uint64(b[at+8:]); seq < next || seq-next > maxGap {
			continue
		}
		if _, _, _, err := parseFrame(b[at:]); err == nil {
			return at
		}
	}
	return -1
}
