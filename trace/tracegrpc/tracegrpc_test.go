package tracegrpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/tracegrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server and a client of it, both traced by the same provider.
type rig struct {
	testpb.TestServiceClient
	spans  *tracetest.SpanRecorder
	reader *sdkmetric.ManualReader
}

// service answers as the request's payload says.
type service struct {
	testpb.UnimplementedTestServiceServer
}

func (service) UnaryCall(ctx context.Context, r *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if !oteltrace.SpanContextFromContext(ctx).IsValid() {
		return nil, status.Error(codes.DataLoss, "no span in the handler's context")
	}
	_, s := trace.Start(ctx, "work")
	s.End()
	if st := r.GetResponseStatus(); st != nil {
		return nil, status.Error(codes.Code(st.Code), st.Message)
	}
	md, _ := metadata.FromIncomingContext(ctx)
	return &testpb.SimpleResponse{Username: strings.Join(md.Get("x-user"), ",")}, nil
}

func (service) FullDuplexCall(s testpb.TestService_FullDuplexCallServer) error {
	if !oteltrace.SpanContextFromContext(s.Context()).IsValid() {
		return status.Error(codes.DataLoss, "no span in the stream's context")
	}
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if st := r.GetResponseStatus(); st != nil {
			return status.Error(codes.Code(st.Code), st.Message)
		}
		if err := s.Send(&testpb.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
}

func serve(t *testing.T) rig {
	t.Helper()
	r := rig{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	opts := []trace.Option{trace.WithTracerProvider(tp), trace.WithMeterProvider(mp)}
	l := bufconn.Listen(1 << 16)
	server := grpc.NewServer(tracegrpc.ServerOptions(opts...)...)
	testpb.RegisterTestServiceServer(server, service{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///test", append(tracegrpc.DialOptions(opts...),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	r.TestServiceClient = testpb.NewTestServiceClient(conn)
	return r
}

// span waits for the span of a kind, whose end the other side does not wait for.
func (r rig) span(t *testing.T, kind oteltrace.SpanKind) sdktrace.ReadOnlySpan {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		all := r.spans.Ended()
		if i := slices.IndexFunc(all, func(s sdktrace.ReadOnlySpan) bool { return s.SpanKind() == kind }); i >= 0 {
			return all[i]
		}
	}
	t.Fatalf("no span of kind %v has ended in a minute", kind)
	return nil
}

func attr(kvs []attribute.KeyValue, key attribute.Key) string {
	for _, kv := range kvs {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}

// check compares the two spans of a call with the code that it ended in.
func (r rig) check(t *testing.T, method, code string, serverFails bool) {
	t.Helper()
	client, server := r.span(t, oteltrace.SpanKindClient), r.span(t, oteltrace.SpanKindServer)
	if server.Parent().SpanID() != client.SpanContext().SpanID() {
		t.Errorf("the server's span is under %s, want the client's %s", server.Parent().SpanID(), client.SpanContext().SpanID())
	}
	for _, s := range []sdktrace.ReadOnlySpan{client, server} {
		fails := code != "OK" && (s == client || serverFails)
		errorType := ""
		if fails {
			errorType = code
		}
		a := s.Attributes()
		if s.Name() != method || attr(a, "rpc.method") != method || attr(a, "rpc.system.name") != "grpc" ||
			attr(a, "rpc.response.status_code") != code || attr(a, "error.type") != errorType ||
			(s.Status().Code == otelcodes.Error) != fails {
			t.Errorf("%v span %s: %v, %+v; want %s, failed %v", s.SpanKind(), s.Name(), a, s.Status(), code, fails)
		}
	}
	if n := len(r.spans.Started()); n != len(r.spans.Ended()) {
		t.Errorf("%d spans started, %d ended", n, len(r.spans.Ended()))
	}
}

const unary, duplex = "grpc.testing.TestService/UnaryCall", "grpc.testing.TestService/FullDuplexCall"

func failing(c codes.Code) *testpb.EchoStatus {
	return &testpb.EchoStatus{Code: int32(c), Message: "as asked"}
}

func TestUnary(t *testing.T) {
	for _, tt := range []struct {
		code        codes.Code
		word        string
		serverFails bool
	}{
		{codes.OK, "OK", false},
		{codes.NotFound, "NOT_FOUND", false},
		{codes.InvalidArgument, "INVALID_ARGUMENT", false},
		{codes.Internal, "INTERNAL", true},
		{codes.Unavailable, "UNAVAILABLE", true},
		{codes.Unauthenticated, "UNAUTHENTICATED", false},
	} {
		t.Run(tt.word, func(t *testing.T) {
			r := serve(t)
			req := &testpb.SimpleRequest{}
			if tt.code != codes.OK {
				req.ResponseStatus = failing(tt.code)
			}
			ctx := metadata.AppendToOutgoingContext(t.Context(), "x-user", "me")
			resp, err := r.UnaryCall(ctx, req)
			if status.Code(err) != tt.code || err == nil && resp.Username != "me" {
				t.Errorf("answer %v, %v", resp, err)
			}
			if md, _ := metadata.FromOutgoingContext(ctx); len(md) != 1 {
				t.Errorf("the caller's metadata has become %v", md)
			}
			r.check(t, unary, tt.word, tt.serverFails)
		})
	}
}

func TestMetrics(t *testing.T) {
	r := serve(t)
	if _, err := r.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	r.span(t, oteltrace.SpanKindServer)
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Unit == "s" {
				got[m.Name] = h.DataPoints[0].Count
			}
		}
	}
	if got["rpc.client.call.duration"] != 1 || got["rpc.server.call.duration"] != 1 {
		t.Errorf("counted %v", got)
	}
}

func TestStreams(t *testing.T) {
	send := func(t *testing.T, s testpb.TestService_FullDuplexCallClient, r *testpb.StreamingOutputCallRequest) {
		t.Helper()
		if err := s.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("to the end", func(t *testing.T) {
		r := serve(t)
		s, err := r.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			send(t, s, &testpb.StreamingOutputCallRequest{})
			if _, err := s.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.spans.Ended()) > 0 {
			t.Error("a span has ended before the stream")
		}
		if err := s.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		r.check(t, duplex, "OK", false)
	})
	t.Run("fails", func(t *testing.T) {
		r := serve(t)
		s, err := r.FullDuplexCall(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		send(t, s, &testpb.StreamingOutputCallRequest{ResponseStatus: failing(codes.DataLoss)})
		if _, err := s.Recv(); status.Code(err) != codes.DataLoss {
			t.Fatal(err)
		}
		r.check(t, duplex, "DATA_LOSS", true)
	})
	t.Run("given up", func(t *testing.T) {
		r := serve(t)
		ctx, cancel := context.WithCancel(t.Context())
		s, err := r.FullDuplexCall(ctx)
		if err != nil {
			t.Fatal(err)
		}
		send(t, s, &testpb.StreamingOutputCallRequest{})
		if _, err := s.Recv(); err != nil {
			t.Fatal(err)
		}
		cancel() // and never a word more
		r.check(t, duplex, "CANCELLED", false)
	})
}
