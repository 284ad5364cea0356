package databases

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"modernc.org/sqlite"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/tracesql"
)

// rival is a driver and a database for it.
type rival struct {
	driver, dsn, system string
	numbered            bool   // $1, not ?
	duplicate           string // db.response.status_code of a key that is there already
	inner               func(any) bool
	is                  func(error) bool // the driver's own error
}

func rivals(t *testing.T) map[string]rival {
	sqliteFile := filepath.Join(t.TempDir(), "shop.db")
	all := map[string]rival{
		"sqlite": {
			driver: "sqlite", dsn: sqliteFile, system: "sqlite", duplicate: "1555",
			inner: func(c any) bool { return strings.HasPrefix(fmt.Sprintf("%T", c), "*sqlite.") },
			is:    func(err error) bool { var e *sqlite.Error; return errors.As(err, &e) },
		},
	}
	socket := postgres(t)
	if socket == "" {
		return all
	}
	dsn := "host=" + socket + " user=clew password=hunter2 dbname=postgres sslmode=disable"
	all["pgx"] = rival{
		driver: "pgx", dsn: dsn, system: "postgresql", numbered: true, duplicate: "23505",
		inner: func(c any) bool { _, ok := c.(*stdlib.Conn); return ok },
		is:    func(err error) bool { var e *pgconn.PgError; return errors.As(err, &e) },
	}
	all["pq"] = rival{
		driver: "postgres", dsn: dsn, system: "postgresql", numbered: true, duplicate: "23505",
		inner: func(c any) bool { return strings.HasPrefix(fmt.Sprintf("%T", c), "*pq.") },
		is:    func(err error) bool { var e *pq.Error; return errors.As(err, &e) },
	}
	return all
}

// TestDrivers runs one program on every driver, bare and wrapped: it sees the same, and its spans tell
// what it did.
func TestDrivers(t *testing.T) {
	for name, r := range rivals(t) {
		t.Run(name, func(t *testing.T) {
			bare, err := sql.Open(r.driver, r.dsn)
			if err != nil {
				t.Fatal(err)
			}
			want := program(t.Context(), bare, r)
			spans := tracetest.NewSpanRecorder()
			tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
			db, err := tracesql.Open(r.driver, r.dsn, tracesql.Config{QueryText: true}, trace.WithTracerProvider(tp))
			if err != nil {
				t.Fatal(err)
			}
			ctx, root := tp.Tracer("test").Start(t.Context(), "request")
			got := program(ctx, db, r)
			root.End()
			if !slices.Equal(got, want) {
				t.Errorf("the program sees\n%q\nand without us\n%q", got, want)
			}
			check(t, spans.Ended(), r, root.SpanContext())
		})
	}
}

// program returns what it sees. It closes db.
func program(ctx context.Context, db *sql.DB, r rival) (seen []string) {
	defer db.Close()
	db.SetMaxOpenConns(1)
	note := func(v ...any) { seen = append(seen, fmt.Sprint(v...)) }
	text := func(q string) string {
		if r.numbered {
			for i := 1; strings.Contains(q, "?"); i++ {
				q = strings.Replace(q, "?", fmt.Sprintf("$%d", i), 1)
			}
		}
		return q
	}
	exec := func(q string, args ...any) {
		if res, err := db.ExecContext(ctx, text(q), args...); err != nil {
			note(err)
		} else {
			n, err := res.RowsAffected()
			note(n, err)
		}
	}
	note(db.PingContext(ctx))
	exec("DROP TABLE IF EXISTS orders")
	exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, card VARCHAR(20), sum NUMERIC(9, 2))")
	exec("INSERT INTO orders VALUES (?, ?, ?)", 1, "4111111111111111", 9.5)
	_, err := db.ExecContext(ctx, text("INSERT INTO orders VALUES (?, ?, ?)"), 1, "4111111111111111", 9.5)
	note(err, r.is(err))
	insert, err := db.PrepareContext(ctx, text("INSERT INTO orders (id, card) VALUES (?, ?)"))
	note(err)
	if err == nil {
		for i := range 3 {
			_, err := insert.ExecContext(ctx, i+2, "x")
			note(err)
		}
		note(insert.Close())
	}
	rows, err := db.QueryContext(ctx, text("SELECT id, card, sum FROM orders WHERE card <> 'secret' AND id > ? ORDER BY id"), 1)
	note(err)
	if err == nil {
		types, err := rows.ColumnTypes()
		for _, t := range types {
			note(t.Name(), t.DatabaseTypeName(), t.ScanType())
		}
		for note(err); rows.Next(); {
			var id int
			var card string
			var sum sql.NullFloat64
			note(rows.Scan(&id, &card, &sum), id, card, sum)
		}
		note(rows.Err(), rows.Close())
	}
	for _, commit := range []bool{true, false} {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
		note(err)
		if err != nil {
			continue
		}
		_, err = tx.ExecContext(ctx, text("UPDATE orders SET sum = ? WHERE id = 1"), 1)
		if note(err); commit {
			note(tx.Commit())
		} else {
			note(tx.Rollback())
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = db.ExecContext(cancelled, "DELETE FROM orders")
	note(errors.Is(err, context.Canceled))
	note(db.QueryRowContext(ctx, "SELECT no FROM nowhere").Scan(new(int)) != nil)
	if c, err := db.Conn(ctx); err == nil {
		note(c.Raw(func(dc any) error { note(r.inner(tracesql.Inner(dc))); return nil }), c.Close())
	}
	return seen
}

func check(t *testing.T, spans []sdktrace.ReadOnlySpan, r rival, root oteltrace.SpanContext) {
	t.Helper()
	named := map[string][]sdktrace.ReadOnlySpan{}
	for _, s := range spans {
		named[s.Name()] = append(named[s.Name()], s)
		all := fmt.Sprint(s.Name(), s.Attributes(), s.Status(), s.Events())
		for _, secret := range []string{"4111", "hunter2", "secret"} {
			if strings.Contains(all, secret) {
				t.Errorf("a span tells %s: %s", secret, all)
			}
		}
		if s.Name() != "request" && s.Parent().SpanID() != root.SpanID() {
			t.Errorf("%s is not under the request", s.Name())
		}
		if got := attr(s, "db.system.name"); s.Name() != "request" && got != r.system {
			t.Errorf("%s: db.system.name %q", s.Name(), got)
		}
	}
	for name, n := range map[string]int{
		"CREATE TABLE orders": 1, "INSERT orders": 5, "PREPARE INSERT orders": 1, "SELECT orders": 1, "UPDATE orders": 2,
		"BEGIN": 2, "COMMIT": 1, "ROLLBACK": 1, "CONNECT": 1,
	} {
		if len(named[name]) != n {
			t.Errorf("%d spans %s, want %d", len(named[name]), name, n)
		}
	}
	if failed := named["INSERT orders"][1]; failed.Status().Code != codes.Error || attr(failed, "db.response.status_code") != r.duplicate {
		t.Errorf("the duplicate key is %+v with code %s, want %s", failed.Status(), attr(failed, "db.response.status_code"), r.duplicate)
	}
	query := named["SELECT orders"][0]
	if got := attr(query, "db.response.returned_rows"); got != "3" || !strings.Contains(attr(query, "db.query.text"), "card <> ? AND id > ") {
		t.Errorf("the query's span has %s rows, text %q", got, attr(query, "db.query.text"))
	}
}

func attr(s sdktrace.ReadOnlySpan, key string) string {
	for _, kv := range s.Attributes() {
		if string(kv.Key) == key {
			return kv.Value.Emit()
		}
	}
	return ""
}
