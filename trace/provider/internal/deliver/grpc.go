package deliver

import (
	"context"
	"fmt"
	"io"
	"path"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

type grpcClient struct {
	cfg  Config
	conn *grpc.ClientConn
}

func newGRPC(c Config) (*grpcClient, error) {
	creds := insecure.NewCredentials()
	if c.Endpoint.Scheme == "https" || c.TLS != nil { // certificates prevail over http, as in the SDK
		creds = credentials.NewTLS(c.TLS)
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds), grpc.WithUserAgent(UserAgent),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})),
	}
	if c.Gzip != 0 {
		// A compressor registered by name would be everybody's in this process.
		opts = append(opts, grpc.WithCompressor(compressor{newGzipper(c.Gzip)})) //nolint:staticcheck // the way that replaces it is global
	}
	target := path.Join(c.Endpoint.Host, c.Endpoint.Path)
	if c.Endpoint.Scheme == "unix" {
		target = "unix:" + c.Endpoint.Path
	}
	conn, err := grpc.NewClient(target, opts...)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", where(c.Endpoint), err)
	}
	return &grpcClient{c, conn}, nil
}

// Close implements [Client].
func (g *grpcClient) Close() error { return g.conn.Close() }

// Send implements [Client].
func (g *grpcClient) Send(ctx context.Context, p Payload) (Answer, error) {
	if g.cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, g.cfg.Timeout)
		defer cancel()
	}
	if len(g.cfg.Headers) > 0 {
		ctx = metadata.NewOutgoingContext(ctx, metadata.New(g.cfg.Headers))
	}
	var r coltracepb.ExportTraceServiceResponse
	if err := g.conn.Invoke(ctx, method, p, &r); err != nil {
		return Answer{}, g.judge(err)
	}
	return answer(&r), nil
}

// judge tells what may be tried again. A receiver that is exhausted must have said when it will not be
// any more.
func (g *grpcClient) judge(err error) error {
	s := status.Convert(err)
	after, said := time.Duration(0), false
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			after, said = min(max(0, info.GetRetryDelay().AsDuration()), 24*time.Hour), true
		}
	}
	err = fmt.Errorf("send to %s: %s: %s", where(g.cfg.Endpoint), s.Code(), quote(s.Message()))
	switch s.Code() {
	case codes.ResourceExhausted:
		if !said {
			return err
		}
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
	default:
		return err
	}
	return &TemporaryError{after, err}
}

// codec hands encoded requests through. gRPC may still be reading what it was given when a call has
// been cancelled, hence the copy.
type codec struct{}

// Marshal implements encoding.CodecV2.
func (codec) Marshal(v any) (mem.BufferSlice, error) {
	p, ok := v.(Payload)
	if !ok {
		return nil, fmt.Errorf("%T is not a request", v)
	}
	pool := mem.DefaultBufferPool()
	buf := pool.Get(p.Size)
	n := 0
	for _, piece := range p.Pieces {
		n += copy((*buf)[n:], piece)
	}
	return mem.BufferSlice{mem.NewBuffer(buf, pool)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	return proto.Unmarshal(data.Materialize(), v.(proto.Message))
}

// Name implements encoding.CodecV2.
func (codec) Name() string { return "proto" }

// compressor is gzip for one connection, whose calls come one after another.
type compressor struct{ gzip *gzipper }

// Do implements grpc.Compressor.
func (c compressor) Do(w io.Writer, p []byte) error {
	z := c.gzip.compress(Payload{[][]byte{p}, len(p)})
	_, err := w.Write(z.Pieces[0])
	return err
}

// Type implements grpc.Compressor.
func (compressor) Type() string { return "gzip" }
