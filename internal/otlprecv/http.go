package otlprecv

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// retryAfter is how long, in seconds, a sender is asked to wait when the sink
// could not take its spans. Senders add their own back-off to it.
const retryAfter = "1"

// httpError is an answer other than success.
type httpError struct {
	status  int        // HTTP's
	code    codes.Code // the same for google.rpc.Status
	message string
	header  [2]string // one header that goes with it
}

func (e *httpError) Error() string { return e.message }

func (r *Receiver) handler() http.Handler {
	mux := http.NewServeMux()
	signals := r.signals()
	for _, name := range []string{"traces", "metrics", "logs"} {
		if s, ok := signals[name]; ok {
			mux.HandleFunc("/v1/"+name, func(w http.ResponseWriter, req *http.Request) { r.serveSignal(w, req, s) })
			continue
		}
		mux.HandleFunc("/v1/"+name, func(w http.ResponseWriter, req *http.Request) {
			r.refused.Add(1)
			writeError(w, codecFor(req.Header.Get("Content-Type")), &httpError{
				status: http.StatusNotFound, code: codes.Unimplemented, message: r.notTaken(name),
			})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		r.refused.Add(1)
		wanted := r.wanted()
		writeError(w, codecFor(req.Header.Get("Content-Type")), &httpError{
			status: http.StatusNotFound, code: codes.NotFound,
			message: fmt.Sprintf("no such endpoint: %s go to POST /v1/%s (with OTEL_EXPORTER_OTLP_%s_ENDPOINT the path is part of the value)",
				wanted, wanted, strings.ToUpper(wanted)),
		})
	})
	return mux
}

func (r *Receiver) serveSignal(w http.ResponseWriter, req *http.Request, s signal) {
	c := codecFor(req.Header.Get("Content-Type"))
	resp, err := r.exportHTTP(w, req, c, s)
	if err != nil {
		r.refused.Add(1)
		var he *httpError
		if !errors.As(err, &he) { // the sink's
			he = &httpError{
				status: http.StatusServiceUnavailable, code: codes.Unavailable,
				message: err.Error(), header: [2]string{"Retry-After", retryAfter},
			}
		}
		writeError(w, c, he)
		return
	}
	write(w, c, http.StatusOK, resp)
}

// exportHTTP reads one request and hands it to the sink.
func (r *Receiver) exportHTTP(w http.ResponseWriter, req *http.Request, c *codec, s signal) (proto.Message, error) {
	switch {
	case req.Method != http.MethodPost:
		return nil, &httpError{
			status: http.StatusMethodNotAllowed, code: codes.Unimplemented,
			message: "method " + req.Method + ": telemetry is sent with POST", header: [2]string{"Allow", http.MethodPost},
		}
	case req.Header.Get("Origin") != "":
		// Only browsers send Origin. A page of any origin, also one that had its
		// name rebound to this address, must not write into somebody's traces.
		return nil, &httpError{
			status: http.StatusForbidden, code: codes.PermissionDenied,
			message: "requests from web pages are not served",
		}
	case c == nil:
		return nil, &httpError{
			status: http.StatusUnsupportedMediaType, code: codes.InvalidArgument,
			message: fmt.Sprintf("content type %.100q: want application/x-protobuf or application/json", req.Header.Get("Content-Type")),
			header:  [2]string{"Accept", "application/x-protobuf, application/json"},
		}
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	body, err := r.readBody(w, req)
	if err != nil {
		return nil, err
	}
	msg := s.request()
	if err := c.unmarshal(body, msg); err != nil {
		return nil, &httpError{
			status: http.StatusBadRequest, code: codes.InvalidArgument,
			message: fmt.Sprintf("decode %s from %s: %v", msg.ProtoReflect().Descriptor().Name(), c.mediaType, err),
		}
	}
	return s.export(req.Context(), msg)
}

// readBody reads a request's body, undoes its Content-Encoding and holds both
// sizes to the limits.
func (r *Receiver) readBody(w http.ResponseWriter, req *http.Request) ([]byte, error) {
	var from io.Reader = http.MaxBytesReader(w, req.Body, r.opts.MaxBodyBytes)
	switch enc := strings.ToLower(strings.TrimSpace(req.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, r.bodyError("gzip body", err)
		}
		defer z.Close() //nolint:errcheck // a reader over memory has nothing to give back
		from = z
	default:
		return nil, &httpError{
			status: http.StatusUnsupportedMediaType, code: codes.InvalidArgument,
			message: fmt.Sprintf("content encoding %.100q: want gzip or identity", enc),
			header:  [2]string{"Accept-Encoding", "gzip, identity"},
		}
	}
	body, err := io.ReadAll(io.LimitReader(from, r.opts.MaxMessageBytes+1))
	if err != nil {
		return nil, r.bodyError("body", err)
	}
	if int64(len(body)) > r.opts.MaxMessageBytes {
		return nil, tooLarge("message", r.opts.MaxMessageBytes)
	}
	return body, nil
}

// bodyError tells a body that is too large from one that is broken.
func (r *Receiver) bodyError(what string, err error) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return tooLarge("body", over.Limit)
	}
	return &httpError{
		status: http.StatusBadRequest, code: codes.InvalidArgument,
		message: fmt.Sprintf("read %s: %v", what, err),
	}
}

func tooLarge(what string, limit int64) error {
	return &httpError{
		status: http.StatusRequestEntityTooLarge, code: codes.ResourceExhausted,
		message: fmt.Sprintf("%s larger than %d bytes: send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE)", what, limit),
	}
}

// writeError answers with a google.rpc.Status in the request's encoding, or in
// JSON when that is not known: then a person is likely to read it.
func writeError(w http.ResponseWriter, c *codec, e *httpError) {
	if e.header[0] != "" {
		w.Header().Set(e.header[0], e.header[1])
	}
	if c == nil {
		c = jsonCodec
	}
	write(w, c, e.status, &spb.Status{Code: int32(e.code), Message: e.message})
}

func write(w http.ResponseWriter, c *codec, status int, m proto.Message) {
	body, err := c.marshal(m)
	if err != nil { // our own small message; not reachable through input
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", c.mediaType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the sender may have gone; it will ask again
}
