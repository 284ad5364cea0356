package tracesql

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The optional interfaces, in the order of their bits.
var (
	ofConn = []func(any) bool{
		is[driver.Pinger], is[driver.ExecerContext], is[driver.QueryerContext], is[driver.ConnPrepareContext],
		is[driver.ConnBeginTx], is[driver.SessionResetter], is[driver.Validator], is[driver.NamedValueChecker],
	}
	ofStmt = []func(any) bool{
		is[driver.StmtExecContext], is[driver.StmtQueryContext], is[driver.NamedValueChecker],
		is[driver.ColumnConverter], //nolint:staticcheck // drivers have it
	}
	ofRows = []func(any) bool{
		is[driver.RowsNextResultSet], is[driver.RowsColumnTypeScanType], is[driver.RowsColumnTypeDatabaseTypeName],
		is[driver.RowsColumnTypeLength], is[driver.RowsColumnTypeNullable], is[driver.RowsColumnTypePrecisionScale],
	}
)

func is[T any](v any) bool { _, ok := v.(T); return ok }

func shapeIn(interfaces []func(any) bool, v any) (s shape) {
	for i, has := range interfaces {
		if has(v) {
			s |= 1 << i
		}
	}
	return s
}

// TestShapes: whatever set of optional interfaces the driver's value has, ours has the same.
func TestShapes(t *testing.T) {
	f := &fake{}
	db := quiet()
	_, p := db.run(bg, "", time.Time{})
	for s := range shape(1 << len(ofConn)) {
		inner := connWithShape(tracedConn{fakeConn{f}, db}, s)
		if in, out := shapeIn(ofConn, inner), shapeIn(ofConn, newConn(inner, db)); in != s || out != s {
			t.Errorf("connection: the fake has %b, ours %b, want %b", in, out, s)
		}
	}
	for s := range shape(1 << len(ofStmt)) {
		inner := stmtWithShape(tracedStmt{fakeStmt{f}, db, ""}, s)
		if in, out := shapeIn(ofStmt, inner), shapeIn(ofStmt, newStmt(inner, db, "")); in != s || out != s {
			t.Errorf("statement: the fake has %b, ours %b, want %b", in, out, s)
		}
	}
	for s := range shape(1 << len(ofRows)) {
		inner := rowsWithShape(tracedRows{inner: &fakeRows{f: f}, db: db, passage: p}, s)
		ours, err := newRows(inner, db, p, nil)
		if in, out := shapeIn(ofRows, inner), shapeIn(ofRows, ours); in != s || out != s || err != nil {
			t.Errorf("rows: the fake has %b, ours %b, want %b; %v", in, out, s, err)
		}
	}
	if o, ok := connWithShape(tracedConn{}, 0).(fmt.Stringer); ok {
		t.Errorf("a method nobody asked for: %v", o)
	}
}

// TestConformance runs the same program on a driver and on the wrapped driver, for every set of optional
// interfaces, and with every kind of failure: the driver is asked the same things in the same order, and the program sees the same.
func TestConformance(t *testing.T) {
	run := func(f *fake, c driver.Connector, wrap bool) string {
		var db *sql.DB
		if wrap {
			db = OpenDB(c, Config{})
		} else {
			db = sql.OpenDB(c)
		}
		seen := use(db)
		return fmt.Sprint(seen, f.took())
	}
	same := func(name string, f *fake, conn shape) {
		t.Helper()
		bare := run(f, f.connector(conn), false)
		if diff := cmp.Diff(bare, run(f, f.connector(conn), true)); diff != "" {
			t.Errorf("%s: (-bare +wrapped)\n%s", name, diff)
		}
	}
	for _, skip := range []error{nil, driver.ErrSkip} {
		for s := range shape(1 << len(ofConn)) {
			same(fmt.Sprintf("connection %b, skip %v", s, skip), &fake{
				rows: 2, stmt: allOfStmt, rset: allOfRows,
				fail: map[string]error{"ExecContext": skip, "QueryContext": skip},
			}, s)
		}
	}
	for s := range shape(1 << len(ofStmt)) {
		same(fmt.Sprintf("statement %b", s), &fake{rows: 2, stmt: s}, allOfConn)
	}
	for s := range shape(1 << len(ofRows)) {
		same(fmt.Sprintf("rows %b", s), &fake{rows: 2, stmt: allOfStmt, rset: s}, allOfConn)
	}
	for _, call := range []string{
		"connect", "Ping", "ExecContext", "QueryContext", "PrepareContext", "BeginTx", "Commit", "Rollback", "ResetSession",
		"IsValid", "conn.CheckNamedValue", "stmt.CheckNamedValue", "stmt.ExecContext", "stmt.QueryContext", "Next",
		"NextResultSet", "rows.Close", "stmt.Close", "conn.Close",
	} {
		for _, err := range []error{driver.ErrBadConn, fmt.Errorf("%s says no", call), driver.ErrRemoveArgument} {
			same(fmt.Sprintf("%s: %v", call, err), &fake{
				rows: 2, stmt: allOfStmt, rset: allOfRows, fail: map[string]error{call: err},
			}, allOfConn)
		}
	}
}

// use does whatever a program can do with a database, and returns what it sees.
func use(db *sql.DB) (seen []any) {
	note := func(v ...any) { seen = append(seen, v...) }
	db.SetMaxIdleConns(1)
	note(db.PingContext(bg))
	for _, args := range [][]any{nil, {1, "x"}, {sql.Named("n", 1)}, {struct{}{}}} {
		r, err := db.ExecContext(bg, "UPDATE t", args...)
		note(err)
		if err == nil {
			n, err := r.RowsAffected()
			note(n, err)
		}
		rows, err := db.QueryContext(bg, "SELECT a FROM t", args...)
		note(err)
		if err == nil {
			note(read(rows)...)
		}
	}
	if s, err := db.PrepareContext(bg, "SELECT b"); err != nil {
		note(err)
	} else {
		_, err := s.Exec(1)
		note(err)
		if rows, err := s.Query("y"); err != nil {
			note(err)
		} else {
			note(read(rows)...)
		}
		note(s.Close())
	}
	for _, o := range []*sql.TxOptions{nil, {Isolation: sql.LevelSerializable, ReadOnly: true}} {
		ctx, cancel := context.WithCancel(bg)
		tx, err := db.BeginTx(ctx, o)
		note(err)
		if err == nil {
			_, err = tx.ExecContext(bg, "INSERT INTO t", 7)
			note(err, tx.Commit())
		}
		if tx, err = db.BeginTx(bg, o); err == nil {
			note(tx.Rollback())
		}
		cancel()
	}
	note(db.Close())
	return seen
}

func read(rows *sql.Rows) (seen []any) {
	types, err := rows.ColumnTypes()
	seen = append(seen, err)
	for _, t := range types {
		length, hasLength := t.Length()
		null, hasNull := t.Nullable()
		precision, scale, hasScale := t.DecimalSize()
		seen = append(seen, t.Name(), t.DatabaseTypeName(), t.ScanType(), length, hasLength, null, hasNull, precision, scale, hasScale)
	}
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			var a int
			seen = append(seen, rows.Scan(&a), a)
		}
	}
	return append(seen, rows.Err(), rows.Close())
}

// oldConn has the interfaces that drivers had before there were contexts.
type oldConn struct{ f *fake }

func (c oldConn) Prepare(query string) (driver.Stmt, error) { return fakeConn(c).Prepare(query) }
func (c oldConn) Close() error                              { return fakeConn(c).Close() }
func (c oldConn) Begin() (driver.Tx, error)                 { return fakeConn(c).Begin() }
func (c oldConn) Exec(query string, args []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), c.f.call(bg, "Exec", query, args)
}

func (c oldConn) Query(query string, args []driver.Value) (driver.Rows, error) {
	return c.f.newRows(), c.f.call(bg, "Query", query, args)
}

type oldConnector struct{ fakeConnector }

func (c oldConnector) Connect(ctx context.Context) (driver.Conn, error) {
	return oldConn{c.f}, c.f.call(ctx, "connect")
}

// TestOldDrivers: what has only the deprecated interfaces is used as database/sql would use it.
func TestOldDrivers(t *testing.T) {
	for _, skip := range []error{nil, driver.ErrSkip} {
		f := &fake{rows: 1, fail: map[string]error{"Exec": skip, "Query": skip}}
		bare := fmt.Sprint(use(sql.OpenDB(oldConnector{fakeConnector{f: f}})), f.took())
		ours := fmt.Sprint(use(OpenDB(oldConnector{fakeConnector{f: f}}, Config{})), f.took())
		if diff := cmp.Diff(bare, ours); diff != "" {
			t.Errorf("skip %v: (-bare +wrapped)\n%s", skip, diff)
		}
	}
}

func TestShapesAreGenerated(t *testing.T) {
	out := filepath.Join(t.TempDir(), "shapes.go")
	if b, err := exec.Command("go", "run", "../internal/genshapes", "sql", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	want, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("shapes.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("shapes.go is not what go generate makes")
	}
}
