package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/ebpfprobe/report/reporttest"
	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/otlprecv"
)

// patience is how long anything may take before a test fails.
const patience = 60 * time.Second

// call runs the program with a made-up server until it ends or end is called;
// what it says on standard error is in talk.
func call(t *testing.T, args ...string) (talk *said, done <-chan error, end func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	talk = &said{}
	ended := make(chan error, 1)
	go func() {
		var out bytes.Buffer
		ended <- program(&madeUp{})(ctx, cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&out), Err: talk}, args)
	}()
	return talk, ended, func() error {
		cancel()
		return <-ended
	}
}

// await polls until what is there, or fails the test.
func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); !there(); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

// sink keeps the spans that come.
type sink struct {
	mu    sync.Mutex
	spans []*tracepb.Span
	came  chan struct{} // closed when the first have come
	once  sync.Once
}

func (s *sink) Spans(_ context.Context, rs []*tracepb.ResourceSpans) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rs {
		for _, scope := range r.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
	s.once.Do(func() { close(s.came) })
	return nil
}

func receiver(t *testing.T) (*sink, *otlprecv.Receiver) {
	t.Helper()
	s := &sink{came: make(chan struct{})}
	recv, err := otlprecv.Listen(s, otlprecv.Options{HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeNow(recv.Close); err != nil {
			t.Errorf("close the receiver: %v", err)
		}
	})
	return s, recv
}

func closeNow(closer func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return closer(ctx)
}

// TestPrometheus scrapes a running export.
func TestPrometheus(t *testing.T) {
	talk, _, end := call(t, "export", "--listen", "127.0.0.1:0", "--every", "10ms")
	var url string
	await(t, "URL said", func() bool {
		if m := regexp.MustCompile(`url=(\S+)\n`).FindStringSubmatch(talk.String()); m != nil {
			url = m[1]
		}
		return url != ""
	})
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `redisprobe_wait_seconds_bucket{command="GET",`) {
		t.Errorf("status %d:\n%s", resp.StatusCode, body)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestOTLP sends a live server's slow requests, and a recording's.
func TestOTLP(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "none") // the receiver takes traces only
	file := filepath.Join(t.TempDir(), "a.rec")
	_, _, end := call(t, "record", "-q", "--every", "10ms", "-o", file)
	await(t, "recording", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 4096
	})
	if err := end(); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		for _, from := range []string{"live", file} {
			t.Run(fmt.Sprint(protocol, " ", filepath.Base(from)), func(t *testing.T) {
				s, recv := receiver(t)
				addr := map[string]string{"http/protobuf": recv.HTTPAddr(), "grpc": recv.GRPCAddr()}[protocol]
				args := []string{"export", "-q", "--listen", "off", "--every", "50ms", "--otlp", "http://" + addr, "--otlp-protocol", protocol}
				if from != "live" {
					args = append(args, "--from", from)
				}
				_, _, end := call(t, args...)
				select {
				case <-s.came:
				case <-time.After(patience):
					t.Fatalf("no span has come: %v", end())
				}
				if err := end(); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				span := s.spans[0]
				if got := hex.EncodeToString(span.GetTraceId()) + " " + hex.EncodeToString(span.GetParentSpanId()); got != reporttest.TraceID+" "+reporttest.SpanID {
					t.Errorf("%s is of trace and parent %s", span.GetName(), got)
				}
				if span.GetKind() != tracepb.Span_SPAN_KIND_SERVER || span.GetName() != "EVAL" {
					t.Errorf("span %s of kind %v", span.GetName(), span.GetKind())
				}
			})
		}
	}
}

// TestNobodyReceives checks that an OTLP that goes nowhere fails at the end, and
// does not stop the export.
func TestNobodyReceives(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret-token")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
	talk, done, _ := call(t, "export", "--listen", "off", "--every", "10ms", "-d", "100ms", "--otlp", "http://127.0.0.1:1")
	err := <-done
	if got := cli.Status(err); got != 2 {
		t.Errorf("status %d, %v", got, err)
	}
	if all := fmt.Sprint(talk, err); strings.Contains(all, "secret-token") || !strings.Contains(all, "127.0.0.1:1") {
		t.Errorf("it says %s", all)
	}
}
