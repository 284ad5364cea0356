package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/golang/snappy"
)

// RemoteWrite is an [Input] that Prometheus, and whoever speaks its remote-write
// protocol 1.0 or 2.0, sends samples to, by POST to /api/v1/write or /.
type RemoteWrite struct {
	Addr string // host:port to listen at
	// MaxBytes bounds a request once uncompressed, 32 MiB if it is 0.
	MaxBytes int
	// Listening is told the address once it is listened at. It may be nil.
	Listening func(addr string)
}

// Name implements [Input].
func (r *RemoteWrite) Name() string { return "remote_write " + r.Addr }

// Run implements [Input].
func (r *RemoteWrite) Run(ctx context.Context, sink Sink) error {
	mux := http.NewServeMux()
	h := r.Handler(sink)
	mux.Handle("/api/v1/write", h)
	mux.Handle("/{$}", h)
	return serve(ctx, "remote write", r.Addr, mux, r.Listening)
}

const (
	defaultMaxBytes = 32 << 20
	// maxWrites bounds how many requests are decoded at a time; others wait.
	maxWrites = 8
)

// Handler returns what answers the protocol's requests, to be served by the
// caller. A sink's error is answered with 503, and the sender comes again.
func (r *RemoteWrite) Handler(sink Sink) http.Handler {
	w := &writeHandler{name: r.Name(), sink: sink, maxBytes: r.MaxBytes, slots: make(chan struct{}, maxWrites), types: metadata{types: map[string]Type{}}}
	if w.maxBytes <= 0 {
		w.maxBytes = defaultMaxBytes
	}
	return w
}

type writeHandler struct {
	name     string
	sink     Sink
	maxBytes int
	slots    chan struct{}
	types    metadata // of protocol 1.0, whose samples come without
}

// refusal is an answer of 4xx: the sender must not send the same again.
type refusal struct {
	status int
	msg    string
}

func (e *refusal) Error() string { return e.msg }

func (w *writeHandler) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	n, err := w.take(rw, req)
	var no *refusal
	switch {
	case errors.As(err, &no):
		http.Error(rw, no.msg, no.status)
	case err != nil:
		rw.Header().Set("Retry-After", "1")
		http.Error(rw, err.Error(), http.StatusServiceUnavailable)
	default:
		// Protocol 2.0 wants to know what was taken; 1.0 passes over it.
		rw.Header().Set("X-Prometheus-Remote-Write-Samples-Written", strconv.Itoa(n.samples))
		rw.Header().Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.Itoa(n.histograms))
		rw.Header().Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.Itoa(n.exemplars))
		rw.WriteHeader(http.StatusNoContent)
	}
}

// written counts what a request brought.
type written struct{ samples, histograms, exemplars int }

func (w *writeHandler) take(rw http.ResponseWriter, req *http.Request) (written, error) {
	decode, err := w.protocol(rw, req)
	if err != nil {
		return written{}, err
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-req.Context().Done():
		return written{}, req.Context().Err()
	}
	body, err := w.body(rw, req)
	if err != nil {
		return written{}, err
	}
	samples, err := decode(body)
	if err != nil {
		return written{}, &refusal{http.StatusBadRequest, "decode the write request: " + err.Error()}
	}
	var n written
	for i := range samples {
		if samples[i].Histogram != nil {
			n.histograms++
		} else {
			n.samples++
		}
		n.exemplars += len(samples[i].Exemplars)
	}
	if len(samples) == 0 {
		return n, nil
	}
	return n, w.sink(req.Context(), Batch{Input: w.name, Samples: samples})
}

// protocol chooses how a request is read, by its headers.
func (w *writeHandler) protocol(rw http.ResponseWriter, req *http.Request) (func([]byte) ([]Sample, error), error) {
	switch {
	case req.Method != http.MethodPost:
		rw.Header().Set("Allow", http.MethodPost)
		return nil, &refusal{http.StatusMethodNotAllowed, "samples are sent with POST"}
	case req.Header.Get("Origin") != "":
		return nil, &refusal{http.StatusForbidden, "requests from web pages are not served"}
	}
	if enc := req.Header.Get("Content-Encoding"); !strings.EqualFold(enc, "snappy") {
		return nil, &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("content encoding %.50q: remote write wants snappy", enc)}
	}
	contentType := req.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(contentType)
	if err == nil && media == "application/x-protobuf" {
		switch params["proto"] {
		case "", "prometheus.WriteRequest":
			return w.decodeV1, nil
		case "io.prometheus.write.v2.Request":
			return decodeV2, nil
		}
	}
	return nil, &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("content type %.100q: want application/x-protobuf, with proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request", contentType)}
}

func (w *writeHandler) body(rw http.ResponseWriter, req *http.Request) ([]byte, error) {
	packed, err := io.ReadAll(http.MaxBytesReader(rw, req.Body, int64(w.maxBytes)))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, w.tooLarge()
	case err != nil:
		return nil, &refusal{http.StatusBadRequest, "read the body: " + err.Error()}
	}
	n, err := snappy.DecodedLen(packed)
	switch {
	case err != nil:
		return nil, &refusal{http.StatusBadRequest, "the body: " + err.Error()}
	case n > w.maxBytes:
		return nil, w.tooLarge()
	}
	body, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "the body: " + err.Error()}
	}
	return body, nil
}

func (w *writeHandler) tooLarge() error {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is larger than %d bytes: lower max_samples_per_send", w.maxBytes)}
}
