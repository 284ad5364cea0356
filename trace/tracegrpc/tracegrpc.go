// Package tracegrpc puts spans around the calls of gRPC servers and clients, unary and streaming.
//
//	server := grpc.NewServer(tracegrpc.ServerOptions()...)
//	conn, err := grpc.NewClient(target, tracegrpc.DialOptions()...)
//
// A span is named as the method, package.Service/Method. Its status and error.type follow the
// conventions for RPC, 1.43: to a server only the codes that are its own fault are errors, to a client
// all but OK. The metrics are rpc.server.call.duration and rpc.client.call.duration.
//
// A call that has its server span already, by OpenTelemetry's otelgrpc or by gRPC's own plugin, gets no
// second one. Panics are recorded and go on.
package tracegrpc

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/clewhq/clew/trace"
)

// ServerOptions returns the interceptors for grpc.NewServer. They stand before those the program adds
// behind them with ChainUnaryInterceptor and ChainStreamInterceptor.
func ServerOptions(opts ...trace.Option) []grpc.ServerOption {
	s := server{trace.NewDoor("rpc.server.call.duration", opts...)}
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(s.unary), grpc.ChainStreamInterceptor(s.stream)}
}

// DialOptions returns the interceptors for grpc.NewClient.
func DialOptions(opts ...trace.Option) []grpc.DialOption {
	c := client{trace.NewDoor("rpc.client.call.duration", opts...)}
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(c.unary), grpc.WithChainStreamInterceptor(c.stream)}
}

// carrier is gRPC's metadata as propagators see it; keys are lower-case there.
type carrier metadata.MD

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	if v := c.Values(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// Values implements propagation.ValuesGetter.
func (c carrier) Values(key string) []string { return metadata.MD(c).Get(key) }

// Set implements propagation.TextMapCarrier.
func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

// Keys implements propagation.TextMapCarrier.
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for k := range c {
		keys = append(keys, k)
	}
	return keys
}

// request describes the call of a method, /package.Service/Method.
func request(method string, kind oteltrace.SpanKind, headers metadata.MD) trace.Request {
	name := strings.TrimPrefix(method, "/")
	return trace.Request{
		Name: name, Kind: kind, Headers: carrier(headers),
		Series: []attribute.KeyValue{semconv.RPCSystemNameGRPC, semconv.RPCMethod(name)},
	}
}

// names are those of codes.Code in the specification, which the conventions use.
var names = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
	"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

// end ends p with the status that err stands for.
func end(p *trace.Passage, err error, failed func(codes.Code) bool) {
	s, _ := status.FromError(err)
	code := s.Code()
	if ctxErr := status.FromContextError(err); err != nil && code == codes.Unknown {
		code = ctxErr.Code() // a handler that returns ctx.Err(): so gRPC sends it
	}
	word := "UNKNOWN"
	if int(code) < len(names) {
		word = names[code]
	}
	p.AddSeries(semconv.RPCResponseStatusCode(word))
	if failed(code) {
		p.EndAs(word, s.Message())
		return
	}
	p.End(nil)
}

// serverFault reports whether a code is the server's own failure, as the conventions list them.
func serverFault(c codes.Code) bool {
	switch c {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return int(c) >= len(names)
}

func notOK(c codes.Code) bool { return c != codes.OK }

type server struct{ door *trace.Door }

func (s server) begin(ctx context.Context, method string) (context.Context, *trace.Passage) {
	headers, _ := metadata.FromIncomingContext(ctx)
	return s.door.Begin(ctx, request(method, oteltrace.SpanKindServer, headers))
}

func (s server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx, p := s.begin(ctx, info.FullMethod)
	defer p.EndOnPanic()
	resp, err := next(ctx, req)
	end(p, err, serverFault)
	return resp, err
}

func (s server) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx, p := s.begin(ss.Context(), info.FullMethod)
	defer p.EndOnPanic()
	err := next(srv, serverStream{ss, ctx})
	end(p, err, serverFault)
	return err
}

type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements [grpc.ServerStream].
func (s serverStream) Context() context.Context { return s.ctx }

type client struct{ door *trace.Door }

// begin puts the context's headers into a copy of the metadata: the caller's may be shared.
func (c client) begin(ctx context.Context, method string) (context.Context, *trace.Passage) {
	headers, ok := metadata.FromOutgoingContext(ctx) // a copy
	if !ok {
		headers = metadata.MD{}
	}
	ctx, p := c.door.Begin(ctx, request(method, oteltrace.SpanKindClient, headers))
	return metadata.NewOutgoingContext(ctx, headers), p
}

func (c client) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, next grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, p := c.begin(ctx, method)
	defer p.EndOnPanic()
	err := next(ctx, method, req, reply, cc, opts...)
	end(p, err, notOK)
	return err
}

func (c client) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, p := c.begin(ctx, method)
	defer p.EndOnPanic()
	cs, err := next(ctx, desc, cc, method, opts...)
	if err != nil {
		end(p, err, notOK)
		return nil, err
	}
	s := &clientStream{ClientStream: cs, passage: p, single: !desc.ServerStreams}
	// A stream that the caller gives up is ended by its context only.
	s.release = context.AfterFunc(ctx, func() { s.finish(ctx.Err()) })
	return s, nil
}

// clientStream ends its span when the stream has come to an end.
type clientStream struct {
	grpc.ClientStream
	passage *trace.Passage
	single  bool // the server answers one message
	release func() bool
	once    sync.Once
}

func (s *clientStream) end(err error) {
	s.finish(err)
	s.release()
}

func (s *clientStream) finish(err error) {
	s.once.Do(func() {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		end(s.passage, err, notOK)
	})
}

// RecvMsg implements [grpc.ClientStream].
func (s *clientStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil || s.single {
		s.end(err)
	}
	return err
}

// SendMsg implements [grpc.ClientStream]. io.EOF says that the stream is broken; RecvMsg says why.
func (s *clientStream) SendMsg(m any) error {
	err := s.ClientStream.SendMsg(m)
	if err != nil && !errors.Is(err, io.EOF) {
		s.end(err)
	}
	return err
}

// CloseSend implements [grpc.ClientStream].
func (s *clientStream) CloseSend() error {
	err := s.ClientStream.CloseSend()
	if err != nil {
		s.end(err)
	}
	return err
}

// Header implements [grpc.ClientStream].
func (s *clientStream) Header() (metadata.MD, error) {
	md, err := s.ClientStream.Header()
	if err != nil {
		s.end(err)
	}
	return md, err
}
