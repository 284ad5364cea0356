package otlprecv

import (
	"context"
	"errors"
	"strings"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // senders may compress
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

func (r *Receiver) grpcServer() *grpc.Server {
	s := grpc.NewServer(
		grpc.MaxRecvMsgSize(int(r.opts.MaxMessageBytes)), // compressed and not: grpc holds both to it
		grpc.MaxConcurrentStreams(uint32(cap(r.slots))),
		grpc.UnknownServiceHandler(r.unknownService),
	)
	signals := r.signals()
	if _, ok := signals["traces"]; ok {
		coltracepb.RegisterTraceServiceServer(s, traceService{r: r})
	}
	if _, ok := signals["metrics"]; ok {
		colmetricspb.RegisterMetricsServiceServer(s, metricsService{r: r})
	}
	return s
}

// traceService is the gRPC face of a Receiver.
type traceService struct {
	coltracepb.UnimplementedTraceServiceServer
	r *Receiver
}

func (t traceService) Export(ctx context.Context, req *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	resp, err := t.r.export(ctx, req)
	if err == nil {
		return resp, nil
	}
	return nil, t.r.grpcError(ctx, err)
}

// metricsService is the same for metrics.
type metricsService struct {
	colmetricspb.UnimplementedMetricsServiceServer
	r *Receiver
}

func (m metricsService) Export(ctx context.Context, req *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	resp, err := m.r.exportMetrics(ctx, req)
	if err == nil {
		return resp, nil
	}
	return nil, m.r.grpcError(ctx, err)
}

// grpcError is what a sender is told of a sink's error: to come again.
func (r *Receiver) grpcError(ctx context.Context, err error) error {
	r.refused.Add(1)
	if ctxErr := ctx.Err(); ctxErr != nil && errors.Is(err, ctxErr) {
		return status.FromContextError(ctxErr).Err()
	}
	st := status.New(codes.Unavailable, err.Error())
	if d, derr := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}); derr == nil {
		st = d
	}
	return st.Err()
}

func (r *Receiver) unknownService(_ any, stream grpc.ServerStream) error {
	r.refused.Add(1)
	method, _ := grpc.MethodFromServerStream(stream)
	for name, service := range map[string]string{"traces": "trace", "metrics": "metrics", "logs": "logs"} {
		if strings.HasPrefix(method, "/opentelemetry.proto.collector."+service+".") {
			return status.Error(codes.Unimplemented, r.notTaken(name))
		}
	}
	return status.Error(codes.Unimplemented, "unknown method "+method)
}
