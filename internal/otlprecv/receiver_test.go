package otlprecv

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	collogspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink keeps what it is given, or answers err.
type sink struct {
	mu  sync.Mutex
	got []*tracepb.ResourceSpans
	err error
}

func (s *sink) Spans(_ context.Context, rs []*tracepb.ResourceSpans) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.got = append(s.got, rs...)
	}
	return s.err
}

func (s *sink) names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sp := range spans(s.got) {
		names = append(names, sp.Name)
	}
	return names
}

// start runs a receiver on free ports until the test ends.
func start(t *testing.T, s Sink, o Options) *Receiver {
	t.Helper()
	o.HTTPAddr, o.GRPCAddr = "127.0.0.1:0", "127.0.0.1:0"
	r, err := Listen(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// request makes a request with one well-formed span of each name; a name
// beginning with "!" makes a span without an id.
func request(names ...string) *coltracepb.ExportTraceServiceRequest {
	ss := &tracepb.ScopeSpans{}
	for i, n := range names {
		s := &tracepb.Span{TraceId: []byte("0123456789abcdef"), SpanId: []byte{1, 2, 3, 4, 5, 6, 7, byte(i + 1)}, Name: n}
		if strings.HasPrefix(n, "!") {
			s.SpanId = nil
		}
		ss.Spans = append(ss.Spans, s)
	}
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{ss}}}}
}

func dial(t *testing.T, r *Receiver) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestGRPC(t *testing.T) {
	var s sink
	r := start(t, &s, Options{MaxMessageBytes: 64 << 10})
	conn := dial(t, r)
	c := coltracepb.NewTraceServiceClient(conn)

	resp, err := c.Export(t.Context(), request("plain"))
	if err != nil || resp.GetPartialSuccess() != nil {
		t.Errorf("Export = %v, %v, want plain success", resp, err)
	}
	resp, err = c.Export(t.Context(), request("zipped", "!bad"), grpc.UseCompressor(gzip.Name))
	if err != nil {
		t.Fatal(err)
	}
	want := &coltracepb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "resourceSpans[0].scopeSpans[0].spans[1]: spanId: want 8 bytes (16 hex digits)"}
	if diff := cmp.Diff(want, resp.GetPartialSuccess(), protocmp.Transform()); diff != "" {
		t.Errorf("partial success (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"plain", "zipped"}, s.names()); diff != "" {
		t.Errorf("spans taken (-want +got):\n%s", diff)
	}

	_, err = c.Export(t.Context(), request(strings.Repeat("x", 100<<10)))
	if got := status.Code(err); got != codes.ResourceExhausted {
		t.Errorf("a message over the limit: %v, want ResourceExhausted", err)
	}
	_, err = c.Export(t.Context(), request(strings.Repeat("x", 100<<10)), grpc.UseCompressor(gzip.Name))
	if got := status.Code(err); got != codes.ResourceExhausted {
		t.Errorf("a message over the limit once uncompressed: %v, want ResourceExhausted", err)
	}
	_, err = collogspb.NewLogsServiceClient(conn).Export(t.Context(), &collogspb.ExportLogsServiceRequest{})
	if got := status.Convert(err); got.Code() != codes.Unimplemented || !strings.Contains(got.Message(), "OTEL_LOGS_EXPORTER=none") {
		t.Errorf("logs: %v, want Unimplemented and what to set", err)
	}

	s.err = errors.New("store is full")
	_, err = c.Export(t.Context(), request("later"))
	st := status.Convert(err)
	if st.Code() != codes.Unavailable || st.Message() != "store is full" {
		t.Errorf("sink error: %v, want Unavailable: store is full", err)
	}
	if d := st.Details(); len(d) != 1 || d[0].(*errdetails.RetryInfo).GetRetryDelay().AsDuration() != time.Second {
		t.Errorf("sink error: details %v, want a retry delay of 1s", d)
	}
	// The messages over the limit never reached the service: grpc refused them.
	if diff := cmp.Diff(Stats{Requests: 2, Refused: 2, Spans: 2, Rejected: 1}, r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestListenTakesAFreePort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	addr := taken.Addr().String()

	if r, err := Listen(&sink{}, Options{HTTPAddr: addr, GRPCAddr: Off}); err == nil || !strings.Contains(err.Error(), "choose another port") {
		t.Errorf("Listen on a taken port = %v, %v, want an error that names the mend", r, err)
	}
	if r, err := Listen(&sink{}, Options{HTTPAddr: "127.0.0.1:0", GRPCAddr: addr}); err == nil || !strings.Contains(err.Error(), "OTLP/gRPC") {
		t.Errorf("Listen on a taken port = %v, %v, want an error that names the listener", r, err)
	}
	r, err := Listen(&sink{}, Options{HTTPAddr: addr, GRPCAddr: Off, FreePort: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.HTTPAddr(); got == addr || !strings.HasPrefix(got, "127.0.0.1:") || r.GRPCAddr() != "" {
		t.Errorf("listens on %q and %q, want another port of 127.0.0.1 and none", got, r.GRPCAddr())
	}
	for range 2 {
		if err := r.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := net.Dial("tcp", r.HTTPAddr()); err == nil {
		t.Error("still listening after Close")
	}
}

// stuckSink holds every request until it is cancelled.
type stuckSink struct{ entered chan struct{} }

func (s stuckSink) Spans(ctx context.Context, _ []*tracepb.ResourceSpans) error {
	s.entered <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func TestCloseCutsOffWhatDoesNotEnd(t *testing.T) {
	s := stuckSink{entered: make(chan struct{})}
	r, err := Listen(s, Options{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 2)
	go func() {
		_, err := coltracepb.NewTraceServiceClient(dial(t, r)).Export(context.Background(), request("grpc"))
		answered <- err
	}()
	go func() {
		resp, err := post(t, r, "application/x-protobuf", marshal(t, protobufCodec, request("http")))
		if err == nil {
			_ = resp.Body.Close()
		}
		answered <- err
	}()
	<-s.entered
	<-s.entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v, want context.Canceled", err)
	}
	for range 2 {
		if err := <-answered; err == nil {
			t.Error("a request cut off was acknowledged")
		}
	}
}

// gate holds every request until it is let out.
type gate struct{ entered, release chan struct{} }

func (g gate) Spans(context.Context, []*tracepb.ResourceSpans) error {
	g.entered <- struct{}{}
	<-g.release
	return nil
}

func TestMaxConcurrent(t *testing.T) {
	const requests = 6
	g := gate{entered: make(chan struct{}), release: make(chan struct{})}
	r := start(t, g, Options{MaxConcurrent: 2})
	body := marshal(t, protobufCodec, request("a"))
	answered := make(chan error, requests)
	for range requests {
		go func() {
			resp, err := post(t, r, "application/x-protobuf", body)
			if err == nil {
				err = resp.Body.Close()
			}
			answered <- err
		}()
	}
	// Two are inside, and then always one goes and one comes.
	<-g.entered
	for range requests - 1 {
		<-g.entered
		if inside := len(r.slots); inside != 2 || cap(r.slots) != 2 {
			t.Errorf("%d requests are read at a time of %d, want 2 of 2", inside, cap(r.slots))
		}
		g.release <- struct{}{}
	}
	g.release <- struct{}{}
	for range requests {
		if err := <-answered; err != nil {
			t.Errorf("a request that waited: %v", err)
		}
	}
	if left := len(r.slots); left != 0 {
		t.Errorf("%d places are still taken", left)
	}
}
