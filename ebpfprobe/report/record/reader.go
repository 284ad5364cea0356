package record

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// Reader reads a recording, interval by interval. It is not safe for concurrent
// use.
type Reader struct {
	r         *bufio.Reader
	zstd      *zstd.Decoder
	header    Header
	offset    int64 // of the next byte
	begin     int64 // of the frame
	frames    int
	intervals int
	err       error // what Next returns from now on
}

// NewReader reads the beginning of a recording. The error is a [*DamageError], or
// matches [ErrNotRecording], or says that a newer program is needed.
func NewReader(r io.Reader) (*Reader, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPayload))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	rr := &Reader{r: bufio.NewReader(r), zstd: dec}
	if err := rr.first(); err != nil {
		return nil, err
	}
	kind, payload, err := rr.frame()
	switch {
	case errors.Is(err, io.EOF):
		return nil, rr.cut("the recording ends before its header")
	case err != nil:
		return nil, err
	case kind != kindHeader:
		return nil, rr.damage("it should be the header, and is of kind %q", kind)
	}
	if err := json.Unmarshal(payload, &rr.header); err != nil {
		return nil, rr.damage("header: %v", err)
	}
	return rr, nil
}

// first reads the line that says what the file is.
func (r *Reader) first() error {
	const room = len(magic) + 8
	var line []byte
	for len(line) < room {
		c, err := r.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		line = append(line, c)
		if c == '\n' {
			break
		}
	}
	r.offset = int64(len(line))
	text, whole := strings.CutSuffix(string(line), "\n")
	version, ours := strings.CutPrefix(text, magic)
	n, err := strconv.Atoi(version)
	switch {
	case len(line) == 0:
		return fmt.Errorf("%w: it is empty", ErrNotRecording)
	case !whole && len(line) < room && (strings.HasPrefix(magic, text) || ours && err == nil):
		return &DamageError{Frame: 1, Truncated: true, Reason: "the recording ends in its first line"}
	case !ours || !whole || err != nil || n < 1:
		return fmt.Errorf("%w: it begins with %q", ErrNotRecording, line)
	case n > format:
		return fmt.Errorf("the recording is of version %d, and this program reads up to %d: read it with the redisprobe that wrote it, or a newer one", n, format)
	}
	return nil
}

// Header returns how the recording was made.
func (r *Reader) Header() Header { return r.header }

// Next returns the next interval. After the last one it returns [io.EOF], or a
// [*DamageError] that is Truncated if the recording was cut off there. After an
// error it returns that error again.
func (r *Reader) Next() (*report.Report, error) {
	for r.err == nil {
		var part *report.Report
		if part, r.err = r.next(); part != nil {
			return part, nil
		}
	}
	return nil, r.err
}

// next reads a frame; part is nil if it isn't an interval.
func (r *Reader) next() (part *report.Report, err error) {
	kind, payload, err := r.frame()
	switch {
	case errors.Is(err, io.EOF):
		return nil, r.cut("the recording was not closed: its writer was killed, or the disk was full")
	case err != nil:
		return nil, err
	}
	switch kind {
	case kindInterval:
		text, err := r.zstd.DecodeAll(payload, nil)
		if err != nil {
			return nil, r.damage("decompress: %v", err)
		}
		part = new(report.Report)
		if err := json.Unmarshal(text, part); err != nil {
			return nil, r.damage("interval %d: %v", r.intervals+1, err)
		}
		if part.SchemaVersion > report.SchemaVersion {
			return nil, r.damage("interval %d has schema_version %d, and this program reads up to %d", r.intervals+1, part.SchemaVersion, report.SchemaVersion)
		}
		r.intervals++
		return part, nil
	case kindEnd:
		var e end
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, r.damage("end: %v", err)
		}
		if e.Intervals != r.intervals {
			return nil, r.damage("%d intervals were written, and %d are here", e.Intervals, r.intervals)
		}
		if _, err := r.r.ReadByte(); err == nil {
			return nil, r.damage("something follows the end of the recording")
		}
		return nil, io.EOF
	}
	return nil, nil
}

// frame reads a frame. io.EOF says that there is none left.
func (r *Reader) frame() (kind byte, payload []byte, err error) {
	r.frames++
	r.begin = r.offset
	var head [frameHead]byte
	n, err := io.ReadFull(r.r, head[:])
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil, r.cut(fmt.Sprintf("the recording ends %d bytes into it", n))
	case err != nil:
		return 0, nil, err
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length > maxPayload {
		return 0, nil, r.damage("its length of %d bytes cannot be true", length)
	}
	// Grown as bytes come in: the length of a damaged frame says nothing.
	payload, err = io.ReadAll(io.LimitReader(r.r, int64(length)))
	if err != nil {
		return 0, nil, err
	}
	if len(payload) < int(length) {
		return 0, nil, r.cut(fmt.Sprintf("the recording ends %d bytes into it, of %d", frameHead+len(payload), frameHead+int(length)))
	}
	sum := crc32.Update(crc32.Checksum(head[8:], castagnoli), castagnoli, payload)
	if want := binary.LittleEndian.Uint32(head[4:]); sum != want {
		return 0, nil, r.damage("its checksum is %08x, and should be %08x", sum, want)
	}
	r.offset += int64(frameHead + len(payload))
	return head[8], payload, nil
}

func (r *Reader) damage(reason string, args ...any) error {
	return &DamageError{Frame: r.frames, Offset: r.begin, Reason: fmt.Sprintf(reason, args...)}
}

func (r *Reader) cut(reason string) error {
	return &DamageError{Frame: r.frames, Offset: r.begin, Truncated: true, Reason: reason}
}
