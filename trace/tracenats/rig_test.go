package tracenats_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/tracenats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// patience is how long an answer may take on a machine that is busy.
const patience = 2 * time.Minute

// rig is a connection with its Tracer, and what comes of it.
type rig struct {
	*tracenats.Tracer
	conn     *nats.Conn
	provider oteltrace.TracerProvider
	spans    *tracetest.SpanRecorder
	reader   *sdkmetric.ManualReader
}

// connect connects to a server, or with an empty url to none.
func connect(t *testing.T, url string, opts ...trace.Option) rig {
	t.Helper()
	r := rig{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader))
	t.Cleanup(func() { _ = tp.Shutdown(bg) })
	r.provider = tp
	if url != "" {
		conn, err := nats.Connect(url, nats.Timeout(patience))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		r.conn = conn
	}
	r.Tracer = tracenats.New(r.conn, append(opts, trace.WithTracerProvider(tp), trace.WithMeterProvider(mp))...)
	return r
}

// span starts a span of the rig's provider.
func (r rig) span(ctx context.Context, name string) (context.Context, oteltrace.Span) {
	return r.provider.Tracer("test").Start(ctx, name)
}

// await returns the ended spans of a name once there are n.
func (r rig) await(t *testing.T, name string, n int) []sdktrace.ReadOnlySpan {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var found []sdktrace.ReadOnlySpan
		for _, s := range r.spans.Ended() {
			if s.Name() == name {
				found = append(found, s)
			}
		}
		if len(found) == n {
			return found
		}
		if len(found) > n || time.Now().After(end) {
			t.Fatalf("%d spans %q among %d, want %d", len(found), name, len(r.spans.Ended()), n)
		}
	}
}

func (r rig) one(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	return r.await(t, name, 1)[0]
}

// sums returns what was counted, and how many durations were measured, by the metric's name.
func (r rig) sums(t *testing.T) map[string]int {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(bg, &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					got[m.Name] += int(p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					got[m.Name] += int(p.Count)
				}
			}
		}
	}
	return got
}

func attrs(s sdktrace.ReadOnlySpan) map[string]any {
	m := map[string]any{}
	for _, kv := range s.Attributes() {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

// under reports whether child's parent is parent.
func under(child, parent sdktrace.ReadOnlySpan) bool {
	return child.Parent().SpanID() == parent.SpanContext().SpanID() &&
		child.SpanContext().TraceID() == parent.SpanContext().TraceID()
}

// links returns the ids of the spans that s is linked to, in order of ids.
func links(s sdktrace.ReadOnlySpan) (ids []string) {
	for _, l := range s.Links() {
		ids = append(ids, l.SpanContext.SpanID().String())
	}
	slices.Sort(ids)
	return ids
}

func ids(spans []sdktrace.ReadOnlySpan) (ids []string) {
	for _, s := range spans {
		ids = append(ids, s.SpanContext().SpanID().String())
	}
	slices.Sort(ids)
	return ids
}

// address is that of the server which conn is connected to.
func address(t *testing.T, conn *nats.Conn) (host string, port int64) {
	t.Helper()
	host, text, err := net.SplitHostPort(conn.ConnectedAddr())
	if err != nil {
		t.Fatal(err)
	}
	port, err = strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

// noHeaders returns a configuration by which a server supports no headers.
func noHeaders(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte("no_header_support: true\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
