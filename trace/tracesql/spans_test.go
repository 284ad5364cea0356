package tracesql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// shop is the database of these tests.
var shop = Config{System: "postgresql", Namespace: "shop", Address: "db.example", Port: 5432}

var base = map[string]any{
	"db.system.name": "postgresql", "db.namespace": "shop", "server.address": "db.example", "server.port": int64(5432),
}

// rig is a database on a fake driver that has everything, within a request.
type rig struct {
	*sql.DB
	f     *fake
	spans *tracetest.SpanRecorder
	ctx   context.Context
	root  oteltrace.Span
}

func newRig(t *testing.T, f *fake, conn shape, cfg Config, opts ...trace.Option) *rig {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	r := &rig{f: f, spans: spans}
	r.DB = OpenDB(f.connector(conn), cfg, append(opts, trace.WithTracerProvider(tp))...)
	r.ctx, r.root = tp.Tracer("test").Start(bg, "request")
	t.Cleanup(func() {
		if err := r.Close(); err != nil && f.fail["conn.Close"] == nil {
			t.Error(err)
		}
		_ = tp.Shutdown(bg)
	})
	return r
}

// everything is a fake with all the optional interfaces and the failures.
func everything(fail map[string]error) *fake {
	return &fake{rows: 2, stmt: allOfStmt, rset: allOfRows, fail: fail}
}

// told returns what spans say: the name, the attributes but those in base, the error.
func told(spans []sdktrace.ReadOnlySpan) (lines []string) {
	for _, s := range spans {
		var b strings.Builder
		b.WriteString(s.Name())
		for _, kv := range s.Attributes() {
			if _, ok := base[string(kv.Key)]; !ok {
				fmt.Fprintf(&b, " %s=%s", strings.TrimPrefix(string(kv.Key), "db."), kv.Value.String())
			}
		}
		if s.Status().Code == codes.Error {
			b.WriteString(" !" + s.Status().Description)
		}
		lines = append(lines, b.String())
	}
	return lines
}

func TestSpans(t *testing.T) {
	sqlState := stateError("23505")
	for _, tt := range []struct {
		name string
		fail map[string]error
		do   func(r *rig)
		want []string
	}{
		{"exec", nil, func(r *rig) { _, _ = r.ExecContext(r.ctx, "UPDATE t SET a = 'secret'") }, []string{
			"CONNECT client.connection.pool.name=db.example:5432/shop operation.name=CONNECT",
			"UPDATE t operation.name=UPDATE query.summary=UPDATE t",
		}},
		{"two statements", nil, func(r *rig) { _, _ = r.ExecContext(r.ctx, "DELETE FROM t; DELETE FROM u") }, []string{
			"", "DELETE t DELETE u query.summary=DELETE t DELETE u",
		}},
		{"nothing known", nil, func(r *rig) { _, _ = r.ExecContext(r.ctx, "secret") }, []string{"", "postgresql"}},
		{"query", nil, func(r *rig) { scan(r.QueryContext(r.ctx, "SELECT a FROM t WHERE b = $1", "secret")) }, []string{
			"", "SELECT t operation.name=SELECT query.summary=SELECT t response.returned_rows=3",
		}},
		{"one connection, used again", nil, func(r *rig) {
			_, _ = r.ExecContext(r.ctx, "DELETE FROM t")
			_ = r.PingContext(r.ctx)
		}, []string{"", "DELETE t operation.name=DELETE query.summary=DELETE t", "RESET operation.name=RESET", "PING operation.name=PING"}},
		{"statement", nil, func(r *rig) {
			s, _ := r.PrepareContext(r.ctx, "DELETE FROM t")
			_, _ = s.ExecContext(r.ctx, 1)
			_ = s.Close()
		}, []string{
			"", "PREPARE DELETE t operation.name=PREPARE query.summary=DELETE t", "RESET operation.name=RESET",
			"DELETE t operation.name=DELETE query.summary=DELETE t",
		}},
		{"transaction", nil, func(r *rig) {
			tx, _ := r.BeginTx(r.ctx, nil)
			_ = tx.Commit()
		}, []string{"", "BEGIN operation.name=BEGIN", "COMMIT operation.name=COMMIT"}},
		{"rolled back", map[string]error{"Rollback": sqlState}, func(r *rig) {
			tx, _ := r.BeginTx(r.ctx, nil)
			_ = tx.Rollback()
		}, []string{"", "BEGIN operation.name=BEGIN", "ROLLBACK operation.name=ROLLBACK response.status_code=23505 error.type=23505 !23505"}},
		{"the database's error", map[string]error{"ExecContext": fmt.Errorf("exec: %w", sqlState)}, func(r *rig) {
			_, _ = r.ExecContext(r.ctx, "INSERT INTO t")
		}, []string{"", "INSERT t operation.name=INSERT query.summary=INSERT t response.status_code=23505 error.type=23505 !23505"}},
		{"an error that nobody knows", map[string]error{"ExecContext": errors.New("secret")}, func(r *rig) {
			_, _ = r.ExecContext(r.ctx, "INSERT INTO t")
		}, []string{"", "INSERT t operation.name=INSERT query.summary=INSERT t error.type=*errors.errorString !*errors.errorString"}},
		{"cancelled", map[string]error{"ExecContext": fmt.Errorf("secret: %w", context.Canceled)}, func(r *rig) {
			_, _ = r.ExecContext(r.ctx, "INSERT INTO t")
		}, []string{"", "INSERT t operation.name=INSERT query.summary=INSERT t error.type=canceled !context canceled"}},
		{"late", map[string]error{"ExecContext": fmt.Errorf("secret: %w", context.DeadlineExceeded)}, func(r *rig) {
			_, _ = r.ExecContext(r.ctx, "INSERT INTO t")
		}, []string{"", "INSERT t operation.name=INSERT query.summary=INSERT t error.type=timeout !timeout"}},
		{"no server", map[string]error{"connect": fmt.Errorf("secret: %w", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")})}, func(r *rig) {
			_, _ = r.ExecContext(r.ctx, "INSERT INTO t")
		}, []string{"CONNECT client.connection.pool.name=db.example:5432/shop operation.name=CONNECT error.type=*net.OpError !dial tcp: refused"}},
		{"failing while rows are read", map[string]error{"Next": sqlState}, func(r *rig) { scan(r.QueryContext(r.ctx, "SELECT a FROM t")) }, []string{
			"", "SELECT t operation.name=SELECT query.summary=SELECT t response.returned_rows=0 response.status_code=23505 error.type=23505 !23505",
		}},
		{"declined", map[string]error{"ExecContext": driver.ErrSkip}, func(r *rig) { _, _ = r.ExecContext(r.ctx, "DELETE FROM t", 1) }, []string{
			"", "PREPARE DELETE t operation.name=PREPARE query.summary=DELETE t", "DELETE t operation.name=DELETE query.summary=DELETE t",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, everything(tt.fail), allOfConn, shop)
			tt.do(r)
			got := told(r.spans.Ended())
			if len(got) > 0 && tt.want[0] == "" {
				got[0] = ""
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
			for _, s := range r.spans.Ended() {
				if s.Parent().SpanID() != r.root.SpanContext().SpanID() || s.SpanKind() != oteltrace.SpanKindClient {
					t.Errorf("%s is a %s under %s, want the request's client", s.Name(), s.SpanKind(), s.Parent().SpanID())
				}
				for _, kv := range s.Attributes() {
					if want, ok := base[string(kv.Key)]; ok && kv.Value.AsInterface() != want {
						t.Errorf("%s: %v", s.Name(), kv)
					}
				}
				if strings.Contains(fmt.Sprint(s.Name(), s.Attributes(), s.Status(), s.Events()), "secret") {
					t.Errorf("the span of %s tells a secret: %v %v", s.Name(), s.Attributes(), s.Status())
				}
			}
		})
	}
}

type stateError string

func (e stateError) Error() string    { return "duplicate key (card)=(secret)" }
func (e stateError) SQLState() string { return string(e) }

func scan(rows *sql.Rows, err error) {
	if err == nil {
		read(rows)
	}
}

// TestDriverSeesTheSpan: what the driver does on its own account is under the query, but for a driver
// that may decline it; and none of it is under the request that needed the connection first.
func TestDriverSeesTheSpan(t *testing.T) {
	f := everything(nil)
	seen := map[string]oteltrace.SpanContext{}
	f.ctx = func(call string, ctx context.Context) { seen[call] = oteltrace.SpanContextFromContext(ctx) }
	r := newRig(t, f, allOfConn, shop)
	for range 2 { // the second time it is known that the driver takes arguments
		if _, err := r.ExecContext(r.ctx, "DELETE FROM t", 1); err != nil {
			t.Fatal(err)
		}
	}
	ended := r.spans.Ended()
	if got, want := seen["ExecContext"].SpanID(), ended[len(ended)-1].SpanContext().SpanID(); got != want {
		t.Errorf("ExecContext sees span %s, want its own %s", got, want)
	}
	if got, want := seen["connect"].SpanID(), ended[0].SpanContext().SpanID(); got != want {
		t.Errorf("connect sees span %s, want its own %s", got, want)
	}
}

// TestWithoutContext: a statement of an old driver is not given the context, but the goroutine has it.
func TestWithoutContext(t *testing.T) {
	f := everything(nil)
	f.stmt = 0
	r := newRig(t, f, 0, shop)
	_, span := trace.Start(r.ctx, "work")
	if _, err := r.ExecContext(r.ctx, "DELETE FROM t", 1); err != nil {
		t.Fatal(err)
	}
	span.End()
	for _, s := range r.spans.Ended() {
		if s.Name() == "DELETE t" && s.Parent().SpanID() == span.SpanContext().SpanID() {
			return
		}
	}
	t.Errorf("no DELETE t under the work among %v", told(r.spans.Ended()))
}

func TestUpkeepAlone(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		ctx  func(*rig) context.Context
	}{
		{"without a trace", shop, func(*rig) context.Context { return bg }},
		{"not wanted", Config{WithoutUpkeep: true}, func(r *rig) context.Context { return r.ctx }},
	} {
		mp, reader := meter(t)
		r := newRig(t, everything(nil), allOfConn, tt.cfg, trace.WithMeterProvider(mp))
		for range 2 {
			if err := r.PingContext(tt.ctx(r)); err != nil {
				t.Fatal(err)
			}
		}
		if got := told(r.spans.Ended()); len(got) != 0 {
			t.Errorf("%s: spans %q", tt.name, got)
		}
		m := collect(t, reader)
		if count(m["db.client.operation.duration"]) != 2 || count(m["db.client.connection.create_time"]) != 1 {
			t.Errorf("%s: measured %d operations and %d connections, want 2 and 1", tt.name,
				count(m["db.client.operation.duration"]), count(m["db.client.connection.create_time"]))
		}
	}
}

func TestPanics(t *testing.T) {
	f := everything(nil)
	f.ctx = func(call string, _ context.Context) {
		if call == "Next" {
			panic("boom")
		}
	}
	r := newRig(t, f, allOfConn, shop)
	rows, err := r.QueryContext(r.ctx, "SELECT a FROM t")
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("the panic's value became %v", v)
			}
		}()
		rows.Next()
	}()
	ended := r.spans.Ended()
	last := ended[len(ended)-1]
	if last.Name() != "SELECT t" || last.Status().Code != codes.Error || len(last.Events()) != 1 {
		t.Errorf("span %s, %+v, events %v", last.Name(), last.Status(), last.Events())
	}
}

func TestQueryText(t *testing.T) {
	cfg := shop
	cfg.QueryText = true
	r := newRig(t, everything(nil), allOfConn, cfg)
	if _, err := r.ExecContext(r.ctx, "DELETE FROM t WHERE a = 'secret' AND b = $1", 1); err != nil {
		t.Fatal(err)
	}
	want := "DELETE t operation.name=DELETE query.summary=DELETE t query.text=DELETE FROM t WHERE a = ? AND b = $1"
	if got := told(r.spans.Ended()); got[len(got)-1] != want {
		t.Errorf("got %s, want %s", got[len(got)-1], want)
	}
}

// TestInner: a program that wants its driver's connection gets it.
func TestInner(t *testing.T) {
	r := newRig(t, everything(nil), allOfConn, shop)
	c, err := r.Conn(bg)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Raw(func(dc any) error {
		if _, ok := dc.(fakeConn); ok {
			t.Error("the connection is not wrapped at all")
		}
		if _, ok := Inner(dc).(fakeConn); !ok {
			t.Errorf("the inner connection is a %T", Inner(dc))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if Inner(7) != 7 {
		t.Error("what is not ours became something else")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
