package tracenats_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/doortest"
	"github.com/clewhq/clew/trace/tracenats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// patience is how long an answer may take on a machine that is busy.
const patience = 2 * time.Minute

// rig is a connection with its Tracer, and what comes of it.
type rig struct {
	*tracenats.Tracer
	doortest.Rig
	conn *nats.Conn
}

// connect connects to a server, or with an empty url to none.
func connect(t *testing.T, url string, opts ...trace.Option) rig {
	t.Helper()
	r := rig{Rig: doortest.New(t)}
	if url != "" {
		conn, err := nats.Connect(url, nats.Timeout(patience))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		r.conn = conn
	}
	r.Tracer = tracenats.New(r.conn, r.Options(opts...)...)
	return r
}

// await returns the ended spans of a name once there are n.
func (r rig) await(t *testing.T, name string, n int) []sdktrace.ReadOnlySpan {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		found := r.Named(name)
		if len(found) == n {
			return found
		}
		if len(found) > n || time.Now().After(end) {
			t.Fatalf("%d spans %q among %d, want %d", len(found), name, len(r.Spans.Ended()), n)
		}
	}
}

func (r rig) one(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	return r.await(t, name, 1)[0]
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
