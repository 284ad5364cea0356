package tracesql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

func TestParseDSN(t *testing.T) {
	for _, tt := range []struct {
		system, dsn string
		want        target
	}{
		{"postgresql", "postgres://kim:s3cret@db.example:6432/shop?sslmode=disable", target{"db.example", 6432, "shop"}},
		{"postgresql", "postgres://kim:s3cret@[fd00::1]/shop", target{"fd00::1", 0, "shop"}},
		{"postgresql", "postgres:///shop?host=/run/postgresql", target{"/run/postgresql", 0, "shop"}},
		{"postgresql", "postgres://kim:s3cret@a,b:2/shop", target{"", 0, "shop"}},
		{"postgresql", "postgres://kim:s3%ret@db/shop", target{}},
		{"postgresql", "host=db.example port=6432 dbname=shop user=kim password=s3cret", target{"db.example", 6432, "shop"}},
		{"postgresql", `host = db password='s3 host=cret \' dbname=x' dbname='shop'`, target{"db", 0, "shop"}},
		{"postgresql", "host=a,b port=1,2 dbname=shop", target{"", 0, "shop"}},
		{"mysql", "kim:s3cret@tcp(db.example:3306)/shop?parseTime=true", target{"db.example", 3306, "shop"}},
		{"mysql", "kim:s3/c@r(et@tcp([fd00::1]:3306)/shop", target{"fd00::1", 3306, "shop"}},
		{"mysql", "kim:s3cret@unix(/run/mysqld.sock)/shop", target{"", 0, "shop"}},
		{"mysql", "kim:s3cret@/shop", target{"", 0, "shop"}},
		{"mysql", "/", target{}},
		{"mysql", "s3cret", target{}},
		{"microsoft.sql_server", "sqlserver://kim:s3cret@db.example:1433/instance?database=shop", target{"db.example", 1433, "shop"}},
		{"microsoft.sql_server", "Server=tcp:db.example,1433;Database=shop;User Id=kim;Password=s3cret", target{"db.example", 1433, "shop"}},
		{"microsoft.sql_server", `server=db.example\instance;database=shop;password=s3cret`, target{"", 0, "shop"}},
		{"microsoft.sql_server", `server=db.example;password={s3;database=cret}`, target{}},
		{"sqlite", "file:s3cret.db?mode=ro", target{}},
		{"other_sql", "kim:s3cret@tcp(db:1)/shop", target{}},
		{"clickhouse", "clickhouse://kim:s3cret@db:9000/shop", target{"db", 9000, "shop"}},
	} {
		if got := parseDSN(tt.system, tt.dsn); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.dsn, got, tt.want)
		}
	}
}

// FuzzDSN: a password does not get out of a name that the driver would read as we do.
func FuzzDSN(f *testing.F) {
	for _, s := range []string{"", "/x", "@tcp(", "' host='", "?database=", ";server=", "\\"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "hunter2hunter2"
		for _, system := range []string{"postgresql", "mysql", "microsoft.sql_server", "clickhouse"} {
			_ = parseDSN(system, before+secret+after)
		}
		password := before + secret + after
		quoted := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password)
		for system, dsn := range map[string]string{
			"mysql":      "kim:" + password + "@tcp(db:3306)/shop",
			"postgresql": "host=db password='" + quoted + "' dbname=shop",
		} {
			if got := parseDSN(system, dsn); got.host != "db" || got.database != "shop" {
				t.Errorf("%s: %+v", dsn, got)
			}
		}
	})
}

func TestPoolName(t *testing.T) {
	for want, c := range map[string]Config{
		"db:5432/shop":   {Address: "db", Port: 5432, Namespace: "shop"},
		"[fd00::1]:5432": {Address: "fd00::1", Port: 5432},
		"other_sql":      {},
		"orders":         {Address: "db", PoolName: "orders"},
		"/run/pg/shop":   {Address: "/run/pg", Namespace: "shop"},
	} {
		if got := c.complete(nil, "").PoolName; got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}

func TestSystems(t *testing.T) {
	for path, want := range map[string]string{
		"github.com/lib/pq":                            "postgresql",
		"github.com/jackc/pgx/v5/stdlib":               "postgresql",
		"shop.example/vendor/github.com/jackc/pgx/v5":  "postgresql",
		"github.com/lib/pqx":                           "",
		"github.com/go-sql-driver/mysql":               "mysql",
		"github.com/mattn/go-sqlite3":                  "sqlite",
		"github.com/clewhq/clew/trace/tracesql":        "",
		"github.com/ClickHouse/clickhouse-go/v2/proto": "clickhouse",
	} {
		if got := systemAt(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := systemOf(fakeDriver{}); got != otherSQL {
		t.Errorf("a driver nobody knows: %q", got)
	}
	if got := systemOf(&fakeDriver{}); got != otherSQL {
		t.Errorf("a pointer to it: %q", got)
	}
}

// closing is a connector that wants to be closed.
type closing struct {
	driver.Connector
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

var _ io.Closer = closing{}

func TestConnectorCloses(t *testing.T) {
	closed := 0
	db := OpenDB(closing{everything(nil).connector(allOfConn), &closed}, shop)
	if _, ok := db.Driver().(fakeDriver); !ok {
		t.Errorf("the driver is a %T", db.Driver())
	}
	if err := db.Close(); err != nil || closed != 1 {
		t.Errorf("closed %d times, want once; %v", closed, err)
	}
}

var registered atomic.Int32

// TestRegister goes the ways of sql.Open, by the name of a wrapped driver and by that of a bare one.
func TestRegister(t *testing.T) {
	f := everything(nil)
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	n := registered.Add(1) // a name is taken for good, and a test may run again
	bareName, wrappedName := fmt.Sprint("tracesql-bare-", n), fmt.Sprint("tracesql-wrapped-", n)
	sql.Register(bareName, fakeDriver{f})
	Register(wrappedName, fakeDriver{f}, shop, trace.WithTracerProvider(tp))
	for name, open := range map[string]func() (*sql.DB, error){
		"Register":        func() (*sql.DB, error) { return sql.Open(wrappedName, "dsn") },
		"Open":            func() (*sql.DB, error) { return Open(bareName, "dsn", shop, trace.WithTracerProvider(tp)) },
		"Open of wrapped": func() (*sql.DB, error) { return Open(wrappedName, "dsn", shop, trace.WithTracerProvider(tp)) },
		"WrapConnector": func() (*sql.DB, error) {
			return sql.OpenDB(WrapConnector(plainConnector{fakeDriver{f}, "dsn"}, shop, trace.WithTracerProvider(tp))), nil
		},
	} {
		spans.Reset()
		f.took()
		db, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(bg, "DELETE FROM t"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"DELETE t operation.name=DELETE query.summary=DELETE t"}, told(spans.Ended())); diff != "" {
			t.Errorf("%s: spans (-want +got):\n%s", name, diff)
		}
		if calls := f.took(); calls[0] != "open dsn" {
			t.Errorf("%s: the driver was asked %v", name, calls)
		}
	}
	if _, err := Open("nobody", "", shop); err == nil || !strings.Contains(err.Error(), `unknown driver "nobody"`) {
		t.Errorf("error %v", err)
	}
	c, err := WrapDriver(fakeDriver{f}, shop).Open("direct")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := Inner(c).(fakeConn); !ok {
		t.Errorf("opened a %T", c)
	}
}

// TestPoolOutlivesTheRequest: a pool that is opened in a request opens its connections in nobody's name.
func TestPoolOutlivesTheRequest(t *testing.T) {
	carried := make(chan propagate.Ref, 1)
	f := everything(nil)
	f.ctx = func(call string, _ context.Context) {
		if call == "connect" {
			carried <- propagate.Current()
		}
	}
	r := newRig(t, f, allOfConn, shop)
	_, span := trace.Start(r.ctx, "request")
	defer span.End()
	if err := r.PingContext(r.ctx); err != nil {
		t.Fatal(err)
	}
	if ref := <-carried; !ref.IsZero() {
		t.Errorf("the connection was made as a part of %v", ref)
	}
}

// TestStatusCodes: codes come from methods, and from nothing that panics.
func TestStatusCodes(t *testing.T) {
	d := newDatabase(Config{}.complete(nil, ""), nil)
	for want, err := range map[string]error{
		"23505": fmt.Errorf("insert: %w", stateError("23505")),
		"2627":  numberError(2627),
		"":      panickingError{},
	} {
		if got := d.code(err); got != want {
			t.Errorf("%T: %q, want %q", err, got, want)
		}
	}
	d = newDatabase(Config{StatusCode: func(error) string { return "E1" }}.complete(nil, ""), nil)
	if got := d.code(io.EOF); got != "E1" {
		t.Errorf("the user's function is not asked: %q", got)
	}
}

type numberError int32

func (e numberError) Error() string         { return "violation" }
func (e numberError) SQLErrorNumber() int32 { return int32(e) }

type panickingError struct{}

func (panickingError) Error() string    { return "x" }
func (panickingError) SQLState() string { panic("boom") }
