package trace

import (
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
)

// close ends the exchange. It is deferred, so that it sees panics, and lets them travel on.
func (x *exchange) close() {
	p := recover()
	x.handBack()
	o := outcomeOf(x, p)
	x.observe(o)
	if !x.started {
		x.record(o)
	}
	if p != nil {
		panic(p)
	}
}

// handBack gives the caller's request what the handlers found out about it: net/http removes the
// temporary files of a multipart form by it, and middleware further out logs by the pattern.
func (x *exchange) handBack() {
	if x.outer.MultipartForm == nil {
		x.outer.MultipartForm = x.inner.MultipartForm
	}
	if x.outer.Pattern == "" {
		x.outer.Pattern = x.inner.Pattern
	}
}

// outcome is how an exchange ended.
type outcome struct {
	duration     time.Duration
	route        string
	status       int    // 0: no response, or one we have not seen because the handler hijacked
	errorType    string // empty: fine, as far as the server is concerned
	broken       bool   // the handler did not return
	message      string // why not
	stack        string // and where
	requestSize  int64
	responseSize int64
}

func outcomeOf(x *exchange, p any) outcome {
	o := outcome{
		duration:     time.Since(x.start),
		route:        x.matched(),
		status:       int(x.code.Load()),
		requestSize:  max(x.body.size.Load(), x.outer.ContentLength), // which may be -1
		responseSize: x.size.Load(),
	}
	if x.outer.Method == http.MethodHead {
		o.responseSize = 0 // net/http takes what the handler writes and sends none of it
	}
	switch {
	case p != nil:
		o.broken = true
		o.errorType, o.message = typeAndMessage(p)
		if p != http.ErrAbortHandler { //nolint:errorlint // the value net/http looks for
			o.stack = utf8Only(string(debug.Stack()))
			o.assume(http.StatusInternalServerError)
		}
	case !x.returned:
		o.broken = true
		o.errorType, o.message = "runtime.Goexit", "the handler ended its goroutine"
	case !x.hijacked.Load():
		o.assume(http.StatusOK) // net/http sends it for a handler that writes nothing
	}
	if o.errorType == "" && o.status >= 500 {
		o.errorType = strconv.Itoa(o.status)
	}
	return o
}

// assume sets the status for a response that had none yet. After a panic that is what whoever
// recovers further out answers with; net/http itself cuts the connection.
func (o *outcome) assume(status int) {
	if o.status == 0 {
		o.status = status
	}
}

func (x *exchange) record(o outcome) {
	if m := x.h.metrics; m != nil {
		m.record(x.ctx, x.series(o), o.duration, o.requestSize, o.responseSize)
	}
	if x.span == nil {
		return
	}
	x.span.describe(x, o)
	if o.broken {
		x.span.endInPanic()
		return
	}
	x.span.End()
	x.clear()
}

// clear takes off the goroutine what the handler left on it: a span that it started for somebody else to
// end. The goroutine goes on to the connection's next request.
func (x *exchange) clear() {
	if left, _ := propagate.Origin(); left != x.around {
		x.around.Enter()
	}
}

func (x *exchange) series(o outcome) series {
	method, _ := methodOf(x.outer)
	return series{
		method:    method,
		scheme:    schemeOf(x.outer),
		route:     o.route,
		version:   protocolVersion(x.outer.ProtoMajor, x.outer.ProtoMinor),
		errorType: o.errorType,
		status:    o.status,
	}
}

// describe sets what is known only at the end.
func (s *span) describe(x *exchange, o outcome) {
	defer guard("describe server span")
	if !s.IsRecording() {
		return
	}
	list := x.lists.lend()
	defer x.lists.back(list)
	kv := appendConnectionAttributes(list.kv[:0], x.outer)
	if o.route != "" {
		method, _ := methodOf(x.outer)
		s.SetName(spanName(method, x.inner.Pattern, o.route))
		kv = append(kv, semconv.HTTPRoute(o.route))
	}
	if o.status != 0 {
		kv = append(kv, semconv.HTTPResponseStatusCode(o.status))
	}
	if o.requestSize > 0 {
		kv = append(kv, semconv.HTTPRequestBodySize(int(o.requestSize)))
	}
	if o.responseSize > 0 {
		kv = append(kv, semconv.HTTPResponseBodySize(int(o.responseSize)))
	}
	if o.errorType != "" {
		kv = append(kv, semconv.ErrorTypeKey.String(o.errorType))
		s.SetStatus(codes.Error, o.message)
	}
	s.SetAttributes(kv...)
	if o.broken {
		s.AddEvent(semconv.ExceptionEventName, oteltrace.WithAttributes(o.exception()...))
	}
}

func (o outcome) exception() []attribute.KeyValue {
	kv := []attribute.KeyValue{semconv.ExceptionType(o.errorType), semconv.ExceptionMessage(o.message)}
	if o.stack != "" {
		kv = append(kv, semconv.ExceptionStacktrace(o.stack))
	}
	return kv
}
