package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // servers undo it
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// payload is a request in two pieces.
func payload(t *testing.T) Payload {
	t.Helper()
	b, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{SchemaUrl: strings.Repeat("a span ", 1000)}}})
	if err != nil {
		t.Fatal(err)
	}
	return Payload{[][]byte{b[:7], b[7:]}, len(b)}
}

func checkPayload(t *testing.T, r *coltracepb.ExportTraceServiceRequest) {
	t.Helper()
	if len(r.ResourceSpans) != 1 || len(r.ResourceSpans[0].SchemaUrl) != 7000 {
		t.Errorf("got %v", r)
	}
}

// httpServer answers with the given answers in turn, and the last again and again.
func httpServer(t *testing.T, answers ...http.HandlerFunc) (_ *httptest.Server, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1)) - 1
		answers[min(n, len(answers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s, asked
}

func fine(http.ResponseWriter, *http.Request) {}

func fail(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		http.Error(w, "the reason\x00\n"+strings.Repeat("long ", 1000), code)
	}
}

func client(t *testing.T, c Config, addr string) Client {
	t.Helper()
	var err error
	if c.Endpoint, err = url.Parse(addr); err != nil {
		t.Fatal(err)
	}
	cl, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() })
	return cl
}

func TestHTTPRequest(t *testing.T) {
	for _, level := range []int{0, 1, 9} {
		s, _ := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
			var body io.Reader = r.Body
			if level > 0 {
				if r.Header.Get("Content-Encoding") != "gzip" || r.ContentLength > 2000 {
					t.Errorf("%d bytes, headers %v", r.ContentLength, r.Header)
				}
				body, _ = gzip.NewReader(r.Body)
			}
			b, err := io.ReadAll(body)
			var req coltracepb.ExportTraceServiceRequest
			if err != nil || proto.Unmarshal(b, &req) != nil {
				t.Errorf("%d bytes: %v", len(b), err)
			}
			checkPayload(t, &req)
			if r.Method != http.MethodPost || r.URL.Path != "/some/where" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
				r.Header.Get("Api-Key") != "a key" || r.Header.Get("User-Agent") != UserAgent {
				t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
			}
			w.Header().Set("Content-Type", "application/x-protobuf")
			out, _ := proto.Marshal(&coltracepb.ExportTraceServiceResponse{PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 3, ErrorMessage: "odd\nones"}})
			_, _ = w.Write(out)
		})
		s.Start()
		c := client(t, Config{Gzip: level, Headers: map[string]string{"api-key": "a key"}}, s.URL+"/some/where")
		for range 2 { // what is kept from the first must do for the second
			if a, err := c.Send(bg, payload(t)); err != nil || a != (Answer{3, "odd ones"}) {
				t.Errorf("level %d: %+v, %v", level, a, err)
			}
		}
	}
}

func TestRedirectedBody(t *testing.T) {
	s, asked := httpServer(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/moved", http.StatusPermanentRedirect)
	},
		func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			var req coltracepb.ExportTraceServiceRequest
			if proto.Unmarshal(b, &req) != nil {
				t.Error("not the request")
			}
			checkPayload(t, &req)
		})
	s.Start()
	if _, err := client(t, Config{}, s.URL).Send(bg, payload(t)); err != nil || asked.Load() != 2 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// TestWhatIsTriedAgain: the statuses and codes of the specification, and no others.
func TestWhatIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		status int
		header string
		again  bool
		after  time.Duration
	}{
		{429, "", true, 0},
		{502, "", true, 0},
		{503, "7", true, 7 * time.Second},
		{504, "nonsense", true, 0},
		{503, "-1", true, 0},
		{400, "7", false, 0},
		{401, "", false, 0},
		{404, "", false, 0},
		{413, "", false, 0},
		{500, "", false, 0},
		{501, "", false, 0},
	} {
		s, _ := httpServer(t, fail(c.status, "Retry-After", c.header))
		s.Start()
		_, err := client(t, Config{}, strings.Replace(s.URL, "://", "://user:s3cr3t@", 1)).Send(bg, payload(t))
		checkError(t, fmt.Sprint(c.status), err, c.again, c.after)
		if !strings.Contains(err.Error(), "the reason") || len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\x00\n") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%d: %q", c.status, err)
		}
	}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		again := map[codes.Code]bool{
			codes.Canceled: true, codes.DeadlineExceeded: true, codes.Aborted: true, codes.OutOfRange: true, codes.Unavailable: true, codes.DataLoss: true,
		}[code]
		checkError(t, code.String(), (&grpcClient{cfg: Config{Endpoint: &url.URL{}}}).judge(status.Error(code, "the reason")), again, 0)
	}
	later, err := status.New(codes.ResourceExhausted, "").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	checkError(t, "exhausted for a while", (&grpcClient{cfg: Config{Endpoint: &url.URL{}}}).judge(later.Err()), true, 3*time.Second)
}

func checkError(t *testing.T, what string, err error, again bool, after time.Duration) {
	t.Helper()
	var temporary *TemporaryError
	if err == nil || errors.As(err, &temporary) != again || again && temporary.After != after {
		t.Errorf("%s: %v, to be tried again %v, after %v", what, err, temporary != nil, temporary)
	}
}

func TestRetryAfterDate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := retryAfter("Thu, 01 Jan 2026 00:00:30 GMT", now); got != 30*time.Second {
		t.Errorf("got %v", got)
	}
}

func TestCourierTriesAgain(t *testing.T) {
	s, asked := httpServer(t, fail(503), fail(429), fine)
	s.Start()
	c := Courier{Client: client(t, Config{}, s.URL), First: time.Millisecond}
	if _, err := c.Deliver(bg, payload(t)); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	s, asked = httpServer(t, fail(400))
	s.Start()
	c = Courier{Client: client(t, Config{}, s.URL), First: time.Millisecond}
	if _, err := c.Deliver(bg, payload(t)); err == nil || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// TestCourierGivesUp: when its time is over, or the caller's, the error tells why nobody took it.
func TestCourierGivesUp(t *testing.T) {
	s, _ := httpServer(t, fail(503))
	s.Start()
	c := Courier{Client: client(t, Config{}, s.URL), First: time.Millisecond, Within: 2 * time.Second}
	if _, err := c.Deliver(bg, payload(t)); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v", err)
	}
	c = Courier{Client: client(t, Config{}, s.URL), First: time.Hour, Within: 2 * time.Hour}
	ctx, cancel := context.WithCancel(bg)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fail(503)(w, r); cancel() })
	if _, err := c.Deliver(ctx, payload(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := client(t, Config{Timeout: 50 * time.Millisecond}, "http://"+l.Addr().String()).Send(bg, payload(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// TestPauseIsKept: a receiver that wants to be left alone is, by the next request too.
func TestPauseIsKept(t *testing.T) {
	s, asked := httpServer(t, fail(503, "Retry-After", "3600"))
	s.Start()
	c := Courier{Client: client(t, Config{}, s.URL), First: time.Millisecond, Within: time.Minute}
	if _, err := c.Deliver(bg, payload(t)); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
	defer cancel()
	if _, err := c.Deliver(ctx, payload(t)); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "receiver has asked") || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	if left := time.Until(c.pause); left > maxPause {
		t.Errorf("it may keep us from sending for %v", left)
	}
}

func TestTLS(t *testing.T) {
	s, _ := httpServer(t, fine)
	s.StartTLS()
	s.Config.ErrorLog = nil
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	if _, err := client(t, Config{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}, s.URL).Send(bg, payload(t)); err != nil {
		t.Error(err)
	}
	_, err := client(t, Config{}, s.URL).Send(bg, payload(t))
	checkError(t, "a stranger's certificate", err, false, 0)
	if u, _ := url.Parse("http://localhost"); u != nil {
		if _, err := New(Config{Endpoint: u, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}); err == nil || !strings.Contains(err.Error(), "not https") {
			t.Errorf("got %v", err)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s, asked := httpServer(t, fine)
	s.Listener = l
	s.Start()
	if _, err := client(t, Config{}, "unix://"+path).Send(bg, payload(t)); err != nil || asked.Load() != 1 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

type traceService struct {
	coltracepb.UnimplementedTraceServiceServer
	export func(context.Context, *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error)
}

func (s traceService) Export(ctx context.Context, r *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	return s.export(ctx, r)
}

func TestGRPC(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // for its certificate
	defer web.Close()
	pool := x509.NewCertPool()
	pool.AddCert(web.Certificate())
	for _, c := range []struct {
		name string
		tls  bool
		gzip int
	}{{"plain", false, 0}, {"gzip", false, 1}, {"tls", true, 6}} {
		t.Run(c.name, func(t *testing.T) {
			var opts []grpc.ServerOption
			cfg := Config{GRPC: true, Gzip: c.gzip, Headers: map[string]string{"Api-Key": "a key"}}
			scheme := "http://"
			if c.tls {
				scheme = "https://"
				opts = append(opts, grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
				cfg.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := grpc.NewServer(opts...)
			coltracepb.RegisterTraceServiceServer(s, traceService{export: func(ctx context.Context, r *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
				checkPayload(t, r)
				md, _ := metadata.FromIncomingContext(ctx)
				if got := md.Get("api-key"); len(got) != 1 || got[0] != "a key" {
					t.Errorf("metadata %v", md)
				}
				return &coltracepb.ExportTraceServiceResponse{PartialSuccess: &coltracepb.ExportTracePartialSuccess{ErrorMessage: "mind this"}}, nil
			}})
			go func() { _ = s.Serve(l) }()
			defer s.Stop()
			cl := client(t, cfg, scheme+l.Addr().String())
			for range 2 {
				if a, err := cl.Send(bg, payload(t)); err != nil || a.Message != "mind this" {
					t.Errorf("%+v, %v", a, err)
				}
			}
		})
	}
}
