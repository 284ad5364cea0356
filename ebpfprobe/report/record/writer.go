package record

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/clewhq/clew/ebpfprobe/report"
)

// Writer writes a recording. Each interval reaches the underlying writer in one
// call, so that what was written stays readable whatever becomes of the process.
// It is not safe for concurrent use.
type Writer struct {
	w         io.Writer
	zstd      *zstd.Encoder
	intervals int
	err       error // the first; nothing is written after it
}

// NewWriter writes the beginning of a recording to w, which must not be buffered.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	rw := &Writer{w: w, zstd: enc}
	payload, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode header: %w", err)
	}
	rw.write(append(fmt.Appendf(nil, "%s%d\n", magic, format), frame(kindHeader, payload)...))
	return rw, rw.err
}

// Write adds a part of a report, as [report.Report.Since] returns it.
func (w *Writer) Write(part *report.Report) error {
	payload, err := json.Marshal(part)
	if err != nil {
		return fmt.Errorf("encode interval: %w", err)
	}
	if len(payload) > maxPayload {
		return fmt.Errorf("an interval of %d bytes is more than a recording takes: choose fewer servers, or a shorter --every", len(payload))
	}
	w.write(frame(kindInterval, w.zstd.EncodeAll(payload, nil)))
	if w.err == nil {
		w.intervals++
	}
	return w.err
}

// Close writes the end. It does not close the underlying writer.
func (w *Writer) Close() error {
	payload, err := json.Marshal(end{w.intervals})
	if err != nil {
		return err
	}
	w.write(frame(kindEnd, payload))
	return w.err
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
}

func frame(kind byte, payload []byte) []byte {
	b := make([]byte, frameHead, frameHead+len(payload))
	b[8] = kind
	b = append(b, payload...)
	binary.LittleEndian.PutUint32(b, uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}
