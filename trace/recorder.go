package trace

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// recorder is the ResponseWriter that handlers get: it passes everything on and notes the status and
// the size. Its counters are atomic because handlers are free to flush or copy on other goroutines,
// and instrumentation must not turn that into a data race of its own.
//
// It has none of the optional interfaces; [recorder.shaped] adds those which the inner writer has.
// What is not among them (deadlines, full duplex) [http.ResponseController] finds by Unwrap.
type recorder struct {
	http.ResponseWriter
	code     atomic.Int32 // 0 until the header is written
	size     atomic.Int64 // bytes of the body
	hijacked atomic.Bool
}

// WriteHeader implements [http.ResponseWriter]. Informational responses are not the response, but
// 101 is the last one HTTP speaks.
func (w *recorder) WriteHeader(code int) {
	w.ResponseWriter.WriteHeader(code)
	if code >= 200 || code == http.StatusSwitchingProtocols {
		w.code.CompareAndSwap(0, int32(code))
	}
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(p []byte) (int, error) {
	w.implicitOK()
	n, err := w.ResponseWriter.Write(p)
	w.size.Add(int64(n))
	return n, err
}

// WriteString implements [io.StringWriter] whether or not the inner writer does: io.WriteString
// does the same in both cases.
func (w *recorder) WriteString(s string) (int, error) {
	w.implicitOK()
	n, err := io.WriteString(w.ResponseWriter, s)
	w.size.Add(int64(n))
	return n, err
}

// Unwrap lets [http.ResponseController] reach the inner writer.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// implicitOK notes the 200 that net/http sends when a body comes before a WriteHeader.
func (w *recorder) implicitOK() { w.code.CompareAndSwap(0, http.StatusOK) }

func (w *recorder) flush() {
	w.implicitOK()
	w.ResponseWriter.(http.Flusher).Flush()
}

// flushError goes through the controller, because the inner writer may have either way to flush.
func (w *recorder) flushError() error {
	w.implicitOK()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *recorder) hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := w.ResponseWriter.(http.Hijacker).Hijack()
	if err == nil {
		w.hijacked.Store(true)
	}
	return c, rw, err
}

func (w *recorder) readFrom(r io.Reader) (int64, error) {
	w.implicitOK()
	n, err := w.ResponseWriter.(io.ReaderFrom).ReadFrom(r)
	w.size.Add(n)
	return n, err
}

func (w *recorder) push(target string, opts *http.PushOptions) error {
	return w.ResponseWriter.(http.Pusher).Push(target, opts)
}

func (w *recorder) closeNotify() <-chan bool {
	//nolint:staticcheck // deprecated, but handlers that still ask for it would panic without
	return w.ResponseWriter.(http.CloseNotifier).CloseNotify()
}

// shaped returns w with exactly those optional interfaces that the inner writer has.
func (w *recorder) shaped() http.ResponseWriter {
	var s shape
	if _, ok := w.ResponseWriter.(http.Flusher); ok {
		s |= canFlush
	}
	if _, ok := w.ResponseWriter.(http.Hijacker); ok {
		s |= canHijack
	}
	if _, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		s |= canReadFrom
	}
	if _, ok := w.ResponseWriter.(http.Pusher); ok {
		s |= canPush
	}
	//nolint:staticcheck // see closeNotify
	if _, ok := w.ResponseWriter.(http.CloseNotifier); ok {
		s |= canCloseNotify
	}
	return writerWithShape(w, s)
}

// shape is a set of optional interfaces. The types for all sets are in shapes.go.
type shape uint8

const (
	canFlush shape = 1 << iota
	canHijack
	canReadFrom
	canPush
	canCloseNotify
)

//go:generate go run ./internal/genshapes http shapes.go

// countedBody counts what a handler reads of the request's body.
type countedBody struct {
	io.ReadCloser
	size atomic.Int64
}

// Read implements [io.Reader].
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.size.Add(int64(n))
	return n, err
}
