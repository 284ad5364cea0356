package rivals

import (
	"net"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/tracegrpc"
)

// TestOneServerSpanWithOtelgrpc: a server that has both has one server span a call, otelgrpc's, because
// its stats handler comes first; and it is under the span of a client that has ours.
func TestOneServerSpanWithOtelgrpc(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	with := []trace.Option{trace.WithTracerProvider(tp), trace.WithPropagator(trace.Propagator())}
	server := grpc.NewServer(append(tracegrpc.ServerOptions(with...),
		grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(tp), otelgrpc.WithPropagators(trace.Propagator()))))...)
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(),
		append(tracegrpc.DialOptions(with...), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	client := grpc_health_v1.NewHealthClient(conn)
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	server.GracefulStop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	byKind := map[oteltrace.SpanKind][]sdktrace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		byKind[s.SpanKind()] = append(byKind[s.SpanKind()], s)
	}
	servers, clients := byKind[oteltrace.SpanKindServer], byKind[oteltrace.SpanKindClient]
	if len(servers) != 1 || len(clients) != 1 || len(spans.Ended()) != 2 {
		t.Fatalf("%d server and %d client spans of %d, want one each", len(servers), len(clients), len(spans.Ended()))
	}
	if servers[0].Parent().SpanID() != clients[0].SpanContext().SpanID() {
		t.Error("the server's span is not under the client's")
	}
}
