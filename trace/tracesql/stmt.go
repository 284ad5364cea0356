package tracesql

import (
	"context"
	"database/sql/driver"
	"time"
)

// tracedStmt is a prepared statement without its optional interfaces.
type tracedStmt struct {
	inner driver.Stmt
	db    *database
	text  string
}

func newStmt(inner driver.Stmt, db *database, text string) driver.Stmt {
	_, exec := inner.(driver.StmtExecContext)
	_, query := inner.(driver.StmtQueryContext)
	_, check := inner.(driver.NamedValueChecker)
	_, convert := inner.(driver.ColumnConverter) //nolint:staticcheck // there are drivers that have only this one
	return stmtWithShape(tracedStmt{inner, db, text}, shapeOf(exec, query, check, convert))
}

// Close implements [driver.Stmt].
func (s *tracedStmt) Close() error { return s.inner.Close() }

// NumInput implements [driver.Stmt].
func (s *tracedStmt) NumInput() int { return s.inner.NumInput() }

// Exec implements [driver.Stmt]. There is no context, so the span is under what the goroutine carries.
func (s *tracedStmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.exec(context.Background(), func(context.Context) (driver.Result, error) {
		return s.inner.Exec(args) //nolint:staticcheck // there are drivers that have only this one
	})
}

func (s *tracedStmt) execContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.exec(ctx, func(ctx context.Context) (driver.Result, error) {
		return s.inner.(driver.StmtExecContext).ExecContext(ctx, args)
	})
}

func (s *tracedStmt) exec(ctx context.Context, do func(context.Context) (driver.Result, error)) (driver.Result, error) {
	ctx, p := s.db.run(ctx, s.text, time.Time{})
	defer p.EndOnPanic()
	r, err := do(ctx)
	s.db.fail(p, err)
	return r, err
}

// Query implements [driver.Stmt], as Exec does.
func (s *tracedStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.query(context.Background(), func(context.Context) (driver.Rows, error) {
		return s.inner.Query(args) //nolint:staticcheck // there are drivers that have only this one
	})
}

func (s *tracedStmt) queryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.query(ctx, func(ctx context.Context) (driver.Rows, error) {
		return s.inner.(driver.StmtQueryContext).QueryContext(ctx, args)
	})
}

func (s *tracedStmt) query(ctx context.Context, do func(context.Context) (driver.Rows, error)) (driver.Rows, error) {
	ctx, p := s.db.run(ctx, s.text, time.Time{})
	defer p.EndOnPanic()
	r, err := do(ctx)
	return newRows(r, s.db, p, err)
}

func (s *tracedStmt) checkNamedValue(v *driver.NamedValue) error {
	return s.inner.(driver.NamedValueChecker).CheckNamedValue(v)
}

func (s *tracedStmt) columnConverter(i int) driver.ValueConverter {
	return s.inner.(driver.ColumnConverter).ColumnConverter(i) //nolint:staticcheck // see newStmt
}

// tx is a transaction. It has no optional interfaces.
type tx struct {
	inner driver.Tx
	db    *database
	ctx   context.Context // that it was begun with, for its end is told none
}

// Commit implements [driver.Tx].
func (t tx) Commit() error { return t.end("COMMIT", t.inner.Commit) }

// Rollback implements [driver.Tx].
func (t tx) Rollback() error { return t.end("ROLLBACK", t.inner.Rollback) }

func (t tx) end(operation string, do func() error) error {
	_, p := t.db.operate(t.ctx, operation)
	defer p.EndOnPanic()
	err := do()
	t.db.fail(p, err)
	return err
}
