package tracesql

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"
)

// fake is a driver that has every optional interface, and notes what database/sql asks of it. What it
// has in fail it answers with that error.
type fake struct {
	mu    sync.Mutex
	calls []string
	fail  map[string]error
	rows  int
	stmt  shape // of its statements
	rset  shape // of its rows
	ctx   func(call string, ctx context.Context)
}

// The shapes that have everything. Fakes that have it are not made with types of ours.
const (
	allOfConn shape = 1<<8 - 1
	allOfStmt shape = 1<<4 - 1
	allOfRows shape = 1<<6 - 1
)

func (f *fake) call(ctx context.Context, name string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprint(append([]any{name}, args...)...))
	if f.ctx != nil {
		f.ctx(name, ctx)
	}
	return f.fail[name]
}

// took returns the calls since the last time.
func (f *fake) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// quiet is a database whose spans go nowhere. With its types, fakes get the shapes they should have.
func quiet() *database { return newDatabase(Config{}.complete(nil, ""), nil) }

// connector makes connections of the shape.
func (f *fake) connector(s shape) driver.Connector { return fakeConnector{f, s} }

type fakeConnector struct {
	f *fake
	s shape
}

func (c fakeConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := c.f.call(ctx, "connect"); err != nil {
		return nil, err
	}
	if c.s == allOfConn {
		return fakeConn{c.f}, nil
	}
	return connWithShape(tracedConn{fakeConn{c.f}, quiet()}, c.s), nil
}

func (c fakeConnector) Driver() driver.Driver { return fakeDriver{c.f} }

type fakeDriver struct{ f *fake }

func (d fakeDriver) Open(dsn string) (driver.Conn, error) {
	if err := d.f.call(bg, "open", " ", dsn); err != nil {
		return nil, err
	}
	return fakeConn(d), nil
}

var bg = context.Background()

type fakeConn struct{ f *fake }

func (c fakeConn) Prepare(query string) (driver.Stmt, error) { return c.prepared(bg, "Prepare", query) }

func (c fakeConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.prepared(ctx, "PrepareContext", query)
}

func (c fakeConn) prepared(ctx context.Context, call, query string) (driver.Stmt, error) {
	if err := c.f.call(ctx, call, " ", query); err != nil {
		return nil, err
	}
	if c.f.stmt == allOfStmt {
		return fakeStmt(c), nil
	}
	return stmtWithShape(tracedStmt{fakeStmt(c), quiet(), query}, c.f.stmt), nil
}
func (c fakeConn) Close() error                   { return c.f.call(bg, "conn.Close") }
func (c fakeConn) Begin() (driver.Tx, error)      { return fakeTx(c), c.f.call(bg, "Begin") }
func (c fakeConn) Ping(ctx context.Context) error { return c.f.call(ctx, "Ping") }
func (c fakeConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.f.call(ctx, "BeginTx", o); err != nil {
		return nil, err
	}
	return fakeTx(c), nil
}
func (c fakeConn) ResetSession(ctx context.Context) error { return c.f.call(ctx, "ResetSession") }
func (c fakeConn) IsValid() bool                          { return c.f.call(bg, "IsValid") == nil }
func (c fakeConn) CheckNamedValue(v *driver.NamedValue) error {
	return c.f.call(bg, "conn.CheckNamedValue", *v)
}

func (c fakeConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.f.call(ctx, "ExecContext", " ", query, args)
}

func (c fakeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.f.call(ctx, "QueryContext", " ", query, args); err != nil {
		return nil, err
	}
	return c.f.newRows(), nil
}

type fakeTx struct{ f *fake }

func (t fakeTx) Commit() error   { return t.f.call(bg, "Commit") }
func (t fakeTx) Rollback() error { return t.f.call(bg, "Rollback") }

type fakeStmt struct{ f *fake }

func (s fakeStmt) Close() error  { return s.f.call(bg, "stmt.Close") }
func (s fakeStmt) NumInput() int { return -1 }
func (s fakeStmt) Exec(args []driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), s.f.call(bg, "stmt.Exec", args)
}

func (s fakeStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.f.newRows(), s.f.call(bg, "stmt.Query", args)
}

func (s fakeStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), s.f.call(ctx, "stmt.ExecContext", args)
}

func (s fakeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.f.newRows(), s.f.call(ctx, "stmt.QueryContext", args)
}

func (s fakeStmt) CheckNamedValue(v *driver.NamedValue) error {
	return s.f.call(bg, "stmt.CheckNamedValue", *v)
}

func (s fakeStmt) ColumnConverter(i int) driver.ValueConverter {
	_ = s.f.call(bg, "ColumnConverter", i)
	return driver.DefaultParameterConverter
}

func (f *fake) newRows() driver.Rows {
	r := &fakeRows{f: f, left: f.rows, sets: 1}
	if f.rset == allOfRows {
		return r
	}
	p := quiet()
	_, passage := p.run(bg, "", time.Time{})
	return rowsWithShape(tracedRows{inner: r, db: p, passage: passage}, f.rset)
}

type fakeRows struct {
	f    *fake
	left int
	sets int
}

func (r *fakeRows) Columns() []string { return []string{"a"} }
func (r *fakeRows) Close() error      { return r.f.call(bg, "rows.Close") }
func (r *fakeRows) Next(dest []driver.Value) error {
	if err := r.f.call(bg, "Next"); err != nil {
		return err
	}
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	dest[0] = int64(r.left)
	return nil
}

func (r *fakeRows) HasNextResultSet() bool {
	return r.f.call(bg, "HasNextResultSet") == nil && r.sets > 0
}

func (r *fakeRows) NextResultSet() error {
	if err := r.f.call(bg, "NextResultSet"); err != nil {
		return err
	}
	if r.sets == 0 {
		return io.EOF
	}
	r.sets, r.left = 0, 1
	return nil
}

func (r *fakeRows) ColumnTypeScanType(i int) reflect.Type {
	_ = r.f.call(bg, "ScanType", i)
	return reflect.TypeFor[int64]()
}

func (r *fakeRows) ColumnTypeDatabaseTypeName(i int) string {
	_ = r.f.call(bg, "DatabaseTypeName", i)
	return "INT"
}

func (r *fakeRows) ColumnTypeLength(i int) (int64, bool) {
	_ = r.f.call(bg, "Length", i)
	return 8, true
}

func (r *fakeRows) ColumnTypeNullable(i int) (nullable, ok bool) {
	_ = r.f.call(bg, "Nullable", i)
	return true, true
}

func (r *fakeRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	_ = r.f.call(bg, "PrecisionScale", i)
	return 9, 2, true
}
