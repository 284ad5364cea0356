package trace

import (
	"net/http"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Served is what [Handler] knows of a request when its handler has come back, in
// whatever way. Nothing in it has been redacted.
type Served struct {
	// Request is as it came, with the Pattern of the mux. Its body has been consumed.
	Request *http.Request
	// Header is the response's.
	Header http.Header
	// Span is the request's, sampled or not. Without an SDK it is the caller's, and
	// IsRemote; or it is not valid.
	Span     oteltrace.SpanContext
	Start    time.Time
	Duration time.Duration
	Route    string // http.route, empty if no mux had one
	// Status is 0 if there was no response, or one that Handler has not seen because
	// the connection was hijacked.
	Status       int
	ErrorType    string // error.type: of a panic, or the status from 500 on; else empty
	Message      string // of the panic
	RequestSize  int64  // bytes of the body, as far as they were read or announced
	ResponseSize int64  // bytes of the body
	Panicked     bool   // or ended its goroutine
	Hijacked     bool
}

// Method returns http.request.method: _OTHER for what the conventions do not know.
func (s *Served) Method() string {
	method, _ := methodOf(s.Request)
	return method
}

// Scheme returns url.scheme: what the client used, by the word of a proxy in front.
func (s *Served) Scheme() string { return schemeOf(s.Request) }

// ClientAddress returns client.address: the client behind the proxies, by their
// word, else the peer; empty on a Unix socket.
func (s *Served) ClientAddress() string { return clientAddress(s.Request) }

// ServerAddress returns server.address and server.port, as the client has named
// them; port is 0 if it did not.
func (s *Served) ServerAddress() (host string, port int) { return splitAddress(s.Request.Host) }

// ProtocolVersion returns network.protocol.version: 1.0, 1.1, 2 or 3.
func (s *Served) ProtocolVersion() string {
	return protocolVersion(s.Request.ProtoMajor, s.Request.ProtoMinor)
}

// WithObserver has [Handler] call f at the end of every request that its filters
// take, whether or not its span is sampled, and also when OpenTelemetry's otelhttp
// further out has started the span. It is called once a request, by the outermost
// Handler that has an observer, on the handler's goroutine: it must not wait. What
// it is given is good until it returns. If it panics, OpenTelemetry's error handler
// hears of it and the request does not. [Transport] takes no notice of it.
func WithObserver(f func(*Served)) Option {
	return option(func(c *config) {
		if f != nil {
			c.observers = append(c.observers, f)
		}
	})
}

// observe calls the observers.
func (x *exchange) observe(o outcome) {
	if len(x.h.cfg.observers) == 0 {
		return
	}
	defer guard("observe request")
	if o.route == "" && x.within != nil {
		o.route = x.within.matched() // SetRoute and inner Handlers tell that one
	}
	s := &Served{
		Request: x.outer, Header: x.Header(), Span: x.spanContext(),
		Start: x.start, Duration: o.duration, Route: o.route, Status: o.status,
		ErrorType: o.errorType, Message: o.message,
		RequestSize: o.requestSize, ResponseSize: o.responseSize,
		Panicked: o.broken, Hijacked: x.hijacked.Load(),
	}
	for _, f := range x.h.cfg.observers {
		f(s)
	}
}

func (x *exchange) spanContext() oteltrace.SpanContext {
	if x.span != nil {
		return x.span.SpanContext()
	}
	return oteltrace.SpanContextFromContext(x.ctx)
}
