package deliver

import (
	"bytes"
	"io"
	"net/http"
	"sync"

	"github.com/klauspost/compress/gzip"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

// bodies are the bodies of one request, more than one if it is redirected. A transport may go on
// reading a body when the request is over; the memory behind it is used again then.
type bodies struct {
	mu       sync.Mutex
	released bool
}

func (b *bodies) body(pieces [][]byte) io.ReadCloser { return &body{of: b, rest: pieces} }

// release comes back when nobody reads the memory any more.
func (b *bodies) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = true
}

type body struct {
	of   *bodies
	rest [][]byte
	off  int // into rest[0]
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (n int, err error) {
	b.of.mu.Lock()
	defer b.of.mu.Unlock()
	if b.of.released {
		return 0, http.ErrBodyReadAfterClose
	}
	for n < len(p) && len(b.rest) > 0 {
		k := copy(p[n:], b.rest[0][b.off:])
		n, b.off = n+k, b.off+k
		if b.off == len(b.rest[0]) {
			b.rest, b.off = b.rest[1:], 0
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close implements [io.Closer].
func (b *body) Close() error { return nil }

// gzipper compresses one request at a time, into memory that it keeps.
type gzipper struct {
	w   *gzip.Writer
	out bytes.Buffer
}

// newGzipper returns nil for level 0.
func newGzipper(level int) *gzipper {
	if level == 0 {
		return nil
	}
	w, err := gzip.NewWriterLevel(io.Discard, level)
	if err != nil {
		panic(err) // levels are checked where they come in
	}
	return &gzipper{w: w}
}

// compress returns p compressed; it is good until the next call.
func (g *gzipper) compress(p Payload) Payload {
	g.out.Reset()
	g.w.Reset(&g.out)
	for _, piece := range p.Pieces {
		_, _ = g.w.Write(piece) // memory does not fail
	}
	_ = g.w.Close()
	return Payload{[][]byte{g.out.Bytes()}, g.out.Len()}
}

// message finds the text in an answer that is a failure: a google.rpc.Status in protobuf, by the
// specification, or else whatever a proxy on the way has written.
func message(resp *http.Response, body []byte) string {
	if resp.Header.Get("Content-Type") == "application/x-protobuf" {
		var s statuspb.Status
		if proto.Unmarshal(body, &s) == nil {
			return quote(s.Message)
		}
	}
	return quote(string(body))
}
