package tracesql

import (
	"database/sql/driver"
	"errors"
	"io"
	"reflect"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace"
)

// tracedRows are the rows of a query without their optional interfaces. The query's passage ends when
// they are closed, which database/sql does in all cases.
type tracedRows struct {
	inner   driver.Rows
	db      *database
	passage *trace.Passage
	read    int
	err     error // the first that was not the end of the rows
}

// newRows returns what the driver has answered to a query, err or rows. Without rows the passage ends.
func newRows(inner driver.Rows, db *database, p *trace.Passage, err error) (driver.Rows, error) {
	if err != nil || inner == nil {
		db.fail(p, err)
		return inner, err
	}
	_, next := inner.(driver.RowsNextResultSet)
	_, scan := inner.(driver.RowsColumnTypeScanType)
	_, name := inner.(driver.RowsColumnTypeDatabaseTypeName)
	_, length := inner.(driver.RowsColumnTypeLength)
	_, nullable := inner.(driver.RowsColumnTypeNullable)
	_, precision := inner.(driver.RowsColumnTypePrecisionScale)
	return rowsWithShape(tracedRows{inner: inner, db: db, passage: p}, shapeOf(next, scan, name, length, nullable, precision)), nil
}

// Columns implements [driver.Rows].
func (r *tracedRows) Columns() []string { return r.inner.Columns() }

// Next implements [driver.Rows].
func (r *tracedRows) Next(dest []driver.Value) error {
	defer r.passage.EndOnPanic()
	err := r.inner.Next(dest)
	if err == nil {
		r.read++
	}
	r.note(err)
	return err
}

func (r *tracedRows) nextResultSet() error {
	defer r.passage.EndOnPanic()
	err := r.inner.(driver.RowsNextResultSet).NextResultSet()
	r.note(err)
	return err
}

func (r *tracedRows) note(err error) {
	if r.err == nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
}

// Close implements [driver.Rows].
func (r *tracedRows) Close() error {
	defer r.passage.EndOnPanic()
	err := r.inner.Close()
	r.note(err)
	r.passage.SetAttributes(semconv.DBResponseReturnedRows(r.read))
	r.db.fail(r.passage, r.err)
	return err
}

func (r *tracedRows) hasNextResultSet() bool {
	return r.inner.(driver.RowsNextResultSet).HasNextResultSet()
}

func (r *tracedRows) scanType(i int) reflect.Type {
	return r.inner.(driver.RowsColumnTypeScanType).ColumnTypeScanType(i)
}

func (r *tracedRows) databaseTypeName(i int) string {
	return r.inner.(driver.RowsColumnTypeDatabaseTypeName).ColumnTypeDatabaseTypeName(i)
}

func (r *tracedRows) length(i int) (int64, bool) {
	return r.inner.(driver.RowsColumnTypeLength).ColumnTypeLength(i)
}

func (r *tracedRows) nullable(i int) (nullable, ok bool) {
	return r.inner.(driver.RowsColumnTypeNullable).ColumnTypeNullable(i)
}

func (r *tracedRows) precisionScale(i int) (precision, scale int64, ok bool) {
	return r.inner.(driver.RowsColumnTypePrecisionScale).ColumnTypePrecisionScale(i)
}
