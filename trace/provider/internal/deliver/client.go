// Package deliver sends requests of spans to an OTLP receiver, over HTTP with protobuf or over gRPC,
// and tries again what may succeed later. What is retried, and how long to wait, is what the OTLP
// specification 1.9 says.
package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
)

// Config says where to and how.
type Config struct {
	GRPC     bool
	Endpoint *url.URL // http, https or unix; for HTTP with its path
	Headers  map[string]string
	TLS      *tls.Config   // nil: the system's certificates
	Timeout  time.Duration // of one attempt; 0: none
	Gzip     int           // level of compression, 1 to 9; 0: none
	Client   *http.Client  // nil: one of our own
}

// UserAgent is what requests say they come from.
const UserAgent = "clew-otlp-exporter-go"

// Payload is an ExportTraceServiceRequest in pieces.
type Payload struct {
	Pieces [][]byte
	Size   int // of all
}

// Answer is what the receiver has to say about a request that it took.
type Answer struct {
	Rejected int64  // spans
	Message  string // why, or a warning
}

// Client makes one attempt at a time.
type Client interface {
	// Send returns an error that is a [*TemporaryError] if it may be tried again. When it returns,
	// nobody reads p any more.
	Send(ctx context.Context, p Payload) (Answer, error)
	// Close lets go of connections.
	Close() error
}

// TemporaryError is a failure that may be over later.
type TemporaryError struct {
	After time.Duration // what the receiver asks for; 0: nothing said
	Err   error
}

func (e *TemporaryError) Error() string { return e.Err.Error() }

func (e *TemporaryError) Unwrap() error { return e.Err }

// New returns a client. It connects when there is something to send.
func New(c Config) (Client, error) {
	if c.GRPC {
		return newGRPC(c)
	}
	if c.Endpoint.Scheme == "http" && c.TLS != nil {
		return nil, errors.New("certificates are configured, but the endpoint is not https")
	}
	return newHTTP(c), nil
}

// answer reads what both protocols answer alike.
func answer(r *coltracepb.ExportTraceServiceResponse) Answer {
	p := r.GetPartialSuccess()
	return Answer{p.GetRejectedSpans(), quote(p.GetErrorMessage())}
}

// quote makes a message that a receiver has sent fit for a log.
func quote(s string) string {
	const most = 300
	s = strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
	return s
}

// where names the endpoint without what is secret in it.
func where(u *url.URL) string {
	if u.Scheme == "unix" {
		return "unix:" + u.Path
	}
	return fmt.Sprintf("%s://%s%s", u.Scheme, u.Host, u.Path)
}
