package input

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

type packed int

const (
	plain packed = iota
	gzipped
	zstandard
)

// headSize is how much of the input packing wants to see.
const headSize = 4

func packing(head []byte) packed {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzipped
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return zstandard
	default:
		return plain
	}
}

// unpack copies r to w, undoing its packing. damage is not nil when the packing
// breaks off or fails its checksum; what came before is in w then.
func unpack(ctx context.Context, w io.Writer, r io.Reader) (n int64, damage, err error) {
	in := &reader{ctx: ctx, r: r}
	br := bufio.NewReaderSize(in, 1<<20)
	head, err := br.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, cause(err)
	}
	var src io.Reader = br
	kind := packing(head)
	switch kind {
	case gzipped:
		z, err := gzip.NewReader(br)
		if err != nil {
			return 0, nil, errors.Join(in.err, fmt.Errorf("gzip header: %w", err))
		}
		src = z
	case zstandard:
		z, err := zstd.NewReader(br)
		if err != nil {
			return 0, nil, fmt.Errorf("zstd header: %w", err)
		}
		defer z.Close()
		src = z
	}
	out := &writer{w: w}
	n, err = io.CopyBuffer(out, struct{ io.Reader }{src}, make([]byte, 1<<20))
	switch {
	case err == nil:
		return n, nil, nil
	case out.err != nil:
		return n, nil, fmt.Errorf("write scratch file: %w (--temp-dir chooses another place)", cause(out.err))
	case in.err != nil: // the source itself, not its packing
		return n, nil, cause(in.err)
	default:
		return n, fmt.Errorf("the packed stream breaks off after %d bytes of content: %w", n, err), nil
	}
}

// reader keeps the error of the source apart from the errors of its packing, and
// ends when the context does.
type reader struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		r.err = err
		return 0, err
	}
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.err = err
	return n, err
}
