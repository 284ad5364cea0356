package otlprecv

import (
	"context"
	"errors"
	"strings"
	"time"

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
	coltracepb.RegisterTraceServiceServer(s, traceService{r: r})
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
	t.r.refused.Add(1)
	if ctxErr := ctx.Err(); ctxErr != nil && errors.Is(err, ctxErr) {
		return nil, status.FromContextError(ctxErr).Err()
	}
	st := status.New(codes.Unavailable, err.Error())
	if d, derr := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}); derr == nil {
		st = d
	}
	return nil, st.Err()
}

func (r *Receiver) unknownService(_ any, stream grpc.ServerStream) error {
	r.refused.Add(1)
	method, _ := grpc.MethodFromServerStream(stream)
	for _, signal := range []string{"metrics", "logs"} {
		if strings.HasPrefix(method, "/opentelemetry.proto.collector."+signal+".") {
			return status.Error(codes.Unimplemented, onlyTraces(strings.ToUpper(signal)))
		}
	}
	return status.Error(codes.Unimplemented, "unknown method "+method)
}
