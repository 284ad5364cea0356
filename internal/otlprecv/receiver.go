package otlprecv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"

	"github.com/clewhq/clew/internal/listen"
)

// Off in place of an address means: no such listener.
const Off = "off"

// Options are a [Receiver]'s settings. The zero value listens where OTLP
// senders look by default, on loopback only.
type Options struct {
	// HTTPAddr and GRPCAddr are host:port, by default 127.0.0.1:4318 and
	// 127.0.0.1:4317; port 0 takes any free one, [Off] none.
	HTTPAddr, GRPCAddr string
	// FreePort takes any free port of the same host where the wanted one is in
	// use already.
	FreePort bool
	// MaxBodyBytes bounds an HTTP request's body as it came over the wire, and
	// MaxMessageBytes a message once uncompressed; 16 MiB each by default.
	MaxBodyBytes, MaxMessageBytes int64
	// MaxConcurrent bounds how many HTTP requests are read at a time (and how
	// many calls a gRPC connection may have open), so that memory stays bounded
	// however many senders there are; 16 by default. More of them wait.
	MaxConcurrent int
	// Metrics takes what one request for metrics carried, from many goroutines at
	// once; nil refuses them. What it is given belongs to it. A nil error
	// acknowledges all of it; after another the sender is asked to come again.
	Metrics func(ctx context.Context, rm []*metricspb.ResourceMetrics) error
}

func (o Options) withDefaults() Options {
	if o.HTTPAddr == "" {
		o.HTTPAddr = "127.0.0.1:4318"
	}
	if o.GRPCAddr == "" {
		o.GRPCAddr = "127.0.0.1:4317"
	}
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = 16 << 20
	}
	if o.MaxMessageBytes <= 0 {
		o.MaxMessageBytes = 16 << 20
	}
	if o.MaxConcurrent <= 0 {
		o.MaxConcurrent = 16
	}
	return o
}

// Receiver is a running OTLP receiver. Its methods may be called from any
// goroutine.
type Receiver struct {
	opts     Options
	sink     Sink
	slots    chan struct{} // one a request being read
	httpAddr string
	grpcAddr string
	http     *http.Server
	grpc     *grpc.Server
	served   chan error // one from each server when it has ended
	servers  int
	closed   atomic.Bool

	requests, taken, rejected, refused atomic.Uint64
}

// Stats counts what a [Receiver] has seen since it started.
type Stats struct {
	Requests uint64 // taken, in whole or in part
	Refused  uint64 // answered with an error
	Spans    uint64 // acknowledged
	Rejected uint64 // spans turned away in requests that were taken
}

// Listen starts a receiver for sink, which is nil where only [Options.Metrics] are
// wanted. It listens when Listen returns; the
// caller ends it with [Receiver.Close].
func Listen(sink Sink, o Options) (*Receiver, error) {
	o = o.withDefaults()
	r := &Receiver{
		opts: o, sink: sink,
		slots:  make(chan struct{}, o.MaxConcurrent),
		served: make(chan error, 2),
	}
	httpListener, err := open(o.HTTPAddr, o.FreePort)
	if err != nil {
		return nil, fmt.Errorf("listen for OTLP/HTTP: %w", err)
	}
	grpcListener, err := open(o.GRPCAddr, o.FreePort)
	if err != nil {
		if httpListener != nil {
			_ = httpListener.Close()
		}
		return nil, fmt.Errorf("listen for OTLP/gRPC: %w", err)
	}
	if httpListener != nil {
		r.httpAddr = httpListener.Addr().String()
		r.http = &http.Server{
			Handler:           r.handler(),
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       time.Minute, // a sender that stalls must not keep its slot
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
		}
		r.serve(func() error { return r.http.Serve(httpListener) })
	}
	if grpcListener != nil {
		r.grpcAddr = grpcListener.Addr().String()
		r.grpc = r.grpcServer()
		r.serve(func() error { return r.grpc.Serve(grpcListener) })
	}
	return r, nil
}

func (r *Receiver) serve(f func() error) {
	r.servers++
	go func() { r.served <- f() }()
}

// open listens at addr, or nothing when it is Off.
func open(addr string, freePort bool) (net.Listener, error) {
	if addr == Off {
		return nil, nil
	}
	return listen.TCP(addr, freePort)
}

// HTTPAddr is the host:port OTLP/HTTP is received at, empty when off.
func (r *Receiver) HTTPAddr() string { return r.httpAddr }

// GRPCAddr is the host:port OTLP/gRPC is received at, empty when off.
func (r *Receiver) GRPCAddr() string { return r.grpcAddr }

// Stats answers the counts so far.
func (r *Receiver) Stats() Stats {
	return Stats{
		Requests: r.requests.Load(), Refused: r.refused.Load(),
		Spans: r.taken.Load(), Rejected: r.rejected.Load(),
	}
}

// Close stops listening and waits until the requests under way are answered.
// No goroutine of the receiver is left then. When ctx ends first, connections
// are cut, which cancels the context of every call into the sink, and ctx's
// error is returned without waiting further. A second Close does nothing.
func (r *Receiver) Close(ctx context.Context) error {
	if r.closed.Swap(true) {
		return nil
	}
	var errs []error
	if r.http != nil {
		if err := r.http.Shutdown(ctx); err != nil {
			errs = append(errs, err, r.http.Close())
		}
	}
	if r.grpc != nil {
		errs = append(errs, stopGRPC(ctx, r.grpc))
	}
	for range r.servers {
		err := <-r.served
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func stopGRPC(ctx context.Context, s *grpc.Server) error {
	done := make(chan struct{})
	go func() { s.GracefulStop(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.Stop()
		<-done
		return ctx.Err()
	}
}

// export files one request: it turns away what cannot be filed, hands the rest
// to the sink and makes the answer.
func (r *Receiver) export(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	rejected, reason := dropUnfit(req.GetResourceSpans())
	var left int64
	for range spans(req.GetResourceSpans()) {
		left++
	}
	if left > 0 {
		err := r.sink.Spans(ctx, req.ResourceSpans)
		var partly *RejectedError
		switch {
		case errors.As(err, &partly):
			rejected += partly.Spans
			left -= partly.Spans
			if reason == "" {
				reason = partly.Reason
			}
		case err != nil:
			return nil, err
		}
	}
	r.requests.Add(1)
	r.taken.Add(uint64(max(left, 0)))
	r.rejected.Add(uint64(max(rejected, 0)))
	resp := &coltracepb.ExportTraceServiceResponse{}
	if rejected > 0 {
		resp.PartialSuccess = &coltracepb.ExportTracePartialSuccess{RejectedSpans: rejected, ErrorMessage: reason}
	}
	return resp, nil
}
