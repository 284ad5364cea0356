package traceredis_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/traceredis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// connect returns a client of a server in this process, with the hook.
func connect(t *testing.T) (*redis.Client, *tracetest.SpanRecorder, string) {
	t.Helper()
	server := miniredis.RunT(t)
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), DB: 3, DisableIdentity: true, Protocol: 2, MaxRetries: -1})
	c.AddHook(traceredis.Hook(c.Options(), trace.WithTracerProvider(tp)))
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		_ = tp.Shutdown(bg)
	})
	if err := c.Ping(bg).Err(); err != nil { // the connection is set up by commands of its own
		t.Fatal(err)
	}
	spans.Reset()
	return c, spans, server.Addr()
}

func attrs(s sdktrace.ReadOnlySpan) map[string]any {
	m := map[string]any{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

func one(t *testing.T, spans *tracetest.SpanRecorder) sdktrace.ReadOnlySpan {
	t.Helper()
	ended := spans.Ended()
	if len(ended) != 1 {
		t.Fatalf("%d spans, want 1", len(ended))
	}
	return ended[0]
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		name      string
		do        func(*redis.Client)
		span      string
		text      string
		batch     any
		errorType any
		status    codes.Code
	}{
		{"set", func(c *redis.Client) { c.Set(bg, "card-4111", "secret", 0) }, "SET", "SET", nil, nil, codes.Unset},
		{"not there", func(c *redis.Client) { c.Get(bg, "none") }, "GET", "GET", nil, nil, codes.Unset},
		{"wrong type", func(c *redis.Client) { c.Incr(bg, "list") }, "INCR", "INCR", nil, "WRONGTYPE", codes.Error},
		{"unknown", func(c *redis.Client) { c.Do(bg, "nonsense", "secret") }, "NONSENSE", "NONSENSE", nil, "ERR", codes.Error},
		{"pipeline", func(c *redis.Client) {
			_, _ = c.Pipelined(bg, func(p redis.Pipeliner) error { p.Get(bg, "secret"); p.Incr(bg, "n"); return nil })
		}, "PIPELINE", "GET\nINCR", int64(2), nil, codes.Unset},
		{"pipeline of one kind", func(c *redis.Client) {
			_, _ = c.Pipelined(bg, func(p redis.Pipeliner) error { p.Incr(bg, "a"); p.Incr(bg, "b"); return nil })
		}, "PIPELINE INCR", "INCR\nINCR", int64(2), nil, codes.Unset},
		{"one of a pipeline fails", func(c *redis.Client) {
			_, _ = c.Pipelined(bg, func(p redis.Pipeliner) error { p.Incr(bg, "a"); p.Incr(bg, "list"); return nil })
		}, "PIPELINE INCR", "INCR\nINCR", int64(2), "WRONGTYPE", codes.Error},
		{"one fails behind one that finds nothing", func(c *redis.Client) {
			_, _ = c.Pipelined(bg, func(p redis.Pipeliner) error { p.Get(bg, "none"); p.Incr(bg, "list"); return nil })
		}, "PIPELINE", "GET\nINCR", int64(2), "WRONGTYPE", codes.Error},
		{"transaction", func(c *redis.Client) {
			_, _ = c.TxPipelined(bg, func(p redis.Pipeliner) error { p.Incr(bg, "a"); p.Set(bg, "b", 1, 0); return nil })
		}, "MULTI", "INCR\nSET", int64(4), nil, codes.Unset},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, spans, addr := connect(t)
			if err := c.LPush(bg, "list", 1).Err(); err != nil {
				t.Fatal(err)
			}
			spans.Reset()
			tt.do(c)
			s := one(t, spans)
			host, port, _ := net.SplitHostPort(addr)
			n, _ := strconv.Atoi(port)
			want := map[string]any{
				"db.system.name": "redis", "db.namespace": "3", "db.operation.name": tt.span, "db.query.text": tt.text,
				"server.address": host, "server.port": int64(n),
			}
			if tt.batch != nil {
				want["db.operation.batch.size"] = tt.batch
			}
			if tt.errorType != nil {
				want["error.type"], want["db.response.status_code"] = tt.errorType, tt.errorType
			}
			if diff := cmp.Diff(want, attrs(s)); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if s.Name() != tt.span || s.Status().Code != tt.status || strings.Contains(s.Status().Description, "secret") {
				t.Errorf("span %s, %+v; want %s, %v", s.Name(), s.Status(), tt.span, tt.status)
			}
		})
	}
}

func TestUnderTheRequest(t *testing.T) {
	c, spans, _ := connect(t)
	tp := sdktrace.NewTracerProvider()
	ctx, request := tp.Tracer("test").Start(bg, "request")
	c.Get(ctx, "a")
	request.End()
	if s := one(t, spans); s.Parent().SpanID() != request.SpanContext().SpanID() {
		t.Errorf("GET is under %s, want the request %s", s.Parent().SpanID(), request.SpanContext().SpanID())
	}
}

func TestServerGone(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	defer func() { _ = tp.Shutdown(bg) }()
	dial := errors.New("nobody there")
	c := redis.NewClient(&redis.Options{
		Addr: "redis.example:6379", MaxRetries: -1, DialerRetries: 1,
		Dialer: func(context.Context, string, string) (net.Conn, error) { return nil, dial },
	})
	c.AddHook(traceredis.Hook(nil, trace.WithTracerProvider(tp)))
	if err := c.Get(bg, "a").Err(); !errors.Is(err, dial) {
		t.Errorf("error %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	s := one(t, spans)
	if s.Status().Code != codes.Error || attrs(s)["error.type"] == nil || attrs(s)["server.address"] != nil {
		t.Errorf("span %+v, %v", s.Status(), attrs(s))
	}
}
