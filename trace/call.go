package trace

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// call is one request that is being sent, until its response's body is done with.
type call struct {
	t       *transport
	start   time.Time
	ctx     context.Context
	request *http.Request // what is sent
	span    *span         // nil: nothing to record
	parent  traceparentLine
	status  int
	version string
	answer  bool         // the base returned, it did not panic
	read    atomic.Int64 // bytes of the response's body
	closed  atomic.Bool
}

// begin starts the span and makes the request that carries it. Where that fails, r is sent as it is.
func (c *call) begin(r *http.Request) {
	c.ctx = r.Context()
	defer guard("start client span")
	method, _ := methodOf(r)
	opts := []oteltrace.SpanStartOption{
		asClient,
		oteltrace.WithAttributes(clientAttributes(r)...),
	}
	p := parentOf(r.Context(), nil)
	tr := p.tracer
	if c.t.cfg.tracers.provider != nil {
		tr = c.t.cfg.tracers.tracer
	}
	ctx, s := newSpan(p.ctx, tr(), spanName(method, "", ""), p.outer, p.options(opts))
	c.ctx = ctx
	if s != nil {
		c.span, s.kind, s.entry = s, oteltrace.SpanKindClient, p.entry()
	}
	// A flat copy: the header is ours to write, but the trailer's map must stay the one that the
	// caller fills while the body is being sent.
	out := r.WithContext(ctx)
	out.Header = make(http.Header, len(r.Header)+3)
	maps.Copy(out.Header, r.Header)
	c.t.cfg.inject(ctx, out.Header, &c.parent)
	c.request = out
}

// answered takes note of what the base returned for r, and lays hold of the body's end.
func (c *call) answered(r *http.Request, resp *http.Response, err error) {
	c.answer = true
	if err != nil || resp == nil {
		c.close(err)
		return
	}
	c.status, c.version = resp.StatusCode, protocolVersion(resp.ProtoMajor, resp.ProtoMinor)
	if resp.Request == c.request {
		resp.Request = r // the caller's own, as it would be without us
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		c.close(nil)
		return
	}
	resp.Body = c.watch(resp.Body)
}

// closeOnPanic ends the span when the base panics, and lets the panic travel on.
func (c *call) closeOnPanic() {
	if c.answer {
		return
	}
	if p := recover(); p != nil {
		defer panic(p)
		if c.span != nil {
			c.span.recordPanic(p, nil)
		}
		typ, _ := typeAndMessage(p)
		c.end(typ, "")
	}
}

// close ends the span, with the error that ended the call, if any. Only the first call counts.
func (c *call) close(err error) {
	switch {
	case err != nil:
		c.end(typeAndMessage(err))
	case c.status >= 400:
		c.end(strconv.Itoa(c.status), "")
	default:
		c.end("", "")
	}
}

func (c *call) end(errorType, message string) {
	if c.closed.Swap(true) {
		return
	}
	if m := c.t.metrics; m != nil {
		m.record(c.ctx, c.series(errorType), time.Since(c.start), max(0, c.request.ContentLength), c.read.Load())
	}
	if c.span != nil {
		c.describe(errorType, message)
		c.span.End()
	}
}

func (c *call) series(errorType string) series {
	k := series{version: c.version, errorType: errorType, status: c.status}
	k.method, _ = methodOf(c.request)
	if c.request.URL != nil {
		k.scheme = utf8Only(c.request.URL.Scheme)
		k.address, k.port = serverOf(c.request)
	}
	return k
}

// describe sets what is known only at the end.
func (c *call) describe(errorType, message string) {
	defer guard("describe client span")
	if !c.span.IsRecording() {
		return
	}
	kv := make([]attribute.KeyValue, 0, 5)
	if c.status != 0 {
		kv = append(kv, semconv.HTTPResponseStatusCode(c.status))
	}
	if c.version != "" {
		kv = append(kv, semconv.NetworkProtocolVersion(c.version))
	}
	if n := c.request.ContentLength; n > 0 {
		kv = append(kv, semconv.HTTPRequestBodySize(int(n)))
	}
	if n := c.read.Load(); n > 0 {
		kv = append(kv, semconv.HTTPResponseBodySize(int(n)))
	}
	if errorType != "" {
		kv = append(kv, semconv.ErrorTypeKey.String(errorType))
		c.span.SetStatus(codes.Error, message)
	}
	c.span.SetAttributes(kv...)
}

// watch returns body such that c ends with it. What came back for a protocol switch can be written
// to, and some bodies know how to copy themselves; the result has the methods that body has.
func (c *call) watch(body io.ReadCloser) io.ReadCloser {
	b := watchedBody{body, c}
	w, canWrite := body.(io.Writer)
	_, canWriteTo := body.(io.WriterTo)
	switch {
	case canWrite && canWriteTo:
		return struct {
			copyingBody
			io.Writer
		}{copyingBody{b}, w}
	case canWrite:
		return struct {
			watchedBody
			io.Writer
		}{b, w}
	case canWriteTo:
		return copyingBody{b}
	}
	return b
}

type watchedBody struct {
	body io.ReadCloser
	c    *call
}

// Read implements [io.Reader].
func (b watchedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.c.read.Add(int64(n))
	switch err {
	case nil:
	case io.EOF:
		b.c.close(nil)
	default:
		b.c.close(err)
	}
	return n, err
}

// Close implements [io.Closer].
func (b watchedBody) Close() error {
	err := b.body.Close()
	b.c.close(nil)
	return err
}

type copyingBody struct{ watchedBody }

// WriteTo implements [io.WriterTo]. An error may be the writer's, so it is not the response's.
func (b copyingBody) WriteTo(w io.Writer) (int64, error) {
	n, err := b.body.(io.WriterTo).WriteTo(w)
	b.c.read.Add(n)
	if err == nil {
		b.c.close(nil)
	}
	return n, err
}
