package tracesql

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/clewhq/clew/trace"
)

//go:generate go run ../internal/genshapes sql shapes.go

// shape is a set of optional interfaces, one bit each, in the order of genshapes.
type shape int

func shapeOf(has ...bool) (s shape) {
	for i, yes := range has {
		if yes {
			s |= 1 << i
		}
	}
	return s
}

// tracedConn is a connection without its optional interfaces.
type tracedConn struct {
	inner driver.Conn
	db    *database
}

// isTraced tells a connection of ours from others.
func (c *tracedConn) isTraced() *tracedConn { return c }

// Inner returns the driver's own connection behind one of ours, for use in [sql.Conn.Raw]. Of any other
// it returns what it was given.
func Inner(driverConn any) any {
	if c, ok := driverConn.(interface{ isTraced() *tracedConn }); ok {
		return c.isTraced().inner
	}
	return driverConn
}

func newConn(inner driver.Conn, db *database) driver.Conn {
	_, ping := inner.(driver.Pinger)
	_, exec := inner.(driver.ExecerContext)
	_, query := inner.(driver.QueryerContext)
	_, prepare := inner.(driver.ConnPrepareContext)
	_, begin := inner.(driver.ConnBeginTx)
	_, reset := inner.(driver.SessionResetter)
	_, valid := inner.(driver.Validator)
	_, check := inner.(driver.NamedValueChecker)
	_, oldExec := inner.(driver.Execer)   //nolint:staticcheck // there are drivers that have only this one
	_, oldQuery := inner.(driver.Queryer) //nolint:staticcheck // there are drivers that have only this one
	return connWithShape(tracedConn{inner, db},
		shapeOf(ping, exec || oldExec, query || oldQuery, prepare, begin, reset, valid, check))
}

// Prepare implements [driver.Conn].
func (c *tracedConn) Prepare(query string) (driver.Stmt, error) {
	return c.prepared(context.Background(), query, func(context.Context) (driver.Stmt, error) { return c.inner.Prepare(query) })
}

func (c *tracedConn) prepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.prepared(ctx, query, func(ctx context.Context) (driver.Stmt, error) {
		return c.inner.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	})
}

func (c *tracedConn) prepared(ctx context.Context, query string, prepare func(context.Context) (driver.Stmt, error)) (driver.Stmt, error) {
	ctx, p := c.db.prepare(ctx, query)
	defer p.EndOnPanic()
	s, err := prepare(ctx)
	c.db.fail(p, err)
	if err != nil || s == nil {
		return s, err
	}
	return newStmt(s, c.db, query), nil
}

// Close implements [driver.Conn].
func (c *tracedConn) Close() error { return c.inner.Close() }

// Begin implements [driver.Conn].
func (c *tracedConn) Begin() (driver.Tx, error) {
	return c.begin(context.Background(), func(context.Context) (driver.Tx, error) {
		return c.inner.Begin() //nolint:staticcheck // there are drivers that have only this one
	})
}

func (c *tracedConn) beginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.begin(ctx, func(ctx context.Context) (driver.Tx, error) { return c.inner.(driver.ConnBeginTx).BeginTx(ctx, opts) })
}

func (c *tracedConn) begin(outer context.Context, begin func(context.Context) (driver.Tx, error)) (driver.Tx, error) {
	ctx, p := c.db.operate(outer, "BEGIN")
	defer p.EndOnPanic()
	t, err := begin(ctx)
	c.db.fail(p, err)
	if err != nil || t == nil {
		return t, err
	}
	return tx{t, c.db, outer}, nil
}

func (c *tracedConn) ping(ctx context.Context) error {
	return c.db.ping(ctx, c.inner.(driver.Pinger).Ping)
}

func (c *tracedConn) resetSession(ctx context.Context) error {
	return c.db.reset(ctx, c.inner.(driver.SessionResetter).ResetSession)
}

func (c *tracedConn) isValid() bool { return c.inner.(driver.Validator).IsValid() }

func (c *tracedConn) checkNamedValue(v *driver.NamedValue) error {
	return c.inner.(driver.NamedValueChecker).CheckNamedValue(v)
}

func (c *tracedConn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, p, err := direct(ctx, c.db, query, len(args) > 0, func(ctx context.Context) (driver.Result, error) {
		if x, ok := c.inner.(driver.ExecerContext); ok {
			return x.ExecContext(ctx, query, args)
		}
		values, err := oldStyle(ctx, args)
		if err != nil {
			return nil, err
		}
		return c.inner.(driver.Execer).Exec(query, values) //nolint:staticcheck // see newConn
	})
	if p != nil {
		c.db.fail(p, err)
	}
	return r, err
}

func (c *tracedConn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r, p, err := direct(ctx, c.db, query, len(args) > 0, func(ctx context.Context) (driver.Rows, error) {
		if x, ok := c.inner.(driver.QueryerContext); ok {
			return x.QueryContext(ctx, query, args)
		}
		values, err := oldStyle(ctx, args)
		if err != nil {
			return nil, err
		}
		return c.inner.(driver.Queryer).Query(query, values) //nolint:staticcheck // see newConn
	})
	if p == nil {
		return r, err
	}
	return newRows(r, c.db, p, err)
}

// What is known of a driver's way to take arguments without a statement.
const (
	unknown int32 = iota
	takes
	declines // at times
)

// direct does what needs no statement. Some drivers answer [driver.ErrSkip] if there are arguments, and
// database/sql goes on with a statement: then there is no passage, for nothing has happened. So that
// there is no span either, with a driver of which that has to be expected the span begins afterwards,
// back in time, and the driver does not see it in its context.
func direct[T any](ctx context.Context, db *database, query string, args bool, do func(context.Context) (T, error)) (T, *trace.Passage, error) {
	if args && db.skipping.Load() != takes {
		start := time.Now()
		r, err := do(ctx)
		if errors.Is(err, driver.ErrSkip) {
			db.skipping.Store(declines)
			return r, nil, err
		}
		db.skipping.CompareAndSwap(unknown, takes)
		_, p := db.run(ctx, query, start)
		return r, p, err
	}
	ctx, p := db.run(ctx, query, time.Time{})
	defer p.EndOnPanic()
	r, err := do(ctx)
	if errors.Is(err, driver.ErrSkip) {
		if args {
			db.skipping.Store(declines)
		}
		p.End(nil)
		return r, nil, err
	}
	return r, p, err
}

// oldStyle does what database/sql does before it calls what has no context.
func oldStyle(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}
