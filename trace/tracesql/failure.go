package tracesql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"reflect"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace"
)

// failure is what is recorded of an error: nothing of the zero value.
type failure struct {
	typ, message string
	code         []attribute.KeyValue // of the database, if it was its error
}

// describe tells what is recorded of err. What a database says of an error may quote the data, so of its
// own errors only the code is recorded, and of errors that nobody knows only the type.
func (d *database) describe(err error) failure {
	if err == nil {
		return failure{}
	}
	if code := d.code(err); code != "" {
		return failure{code, code, []attribute.KeyValue{semconv.DBResponseStatusCode(code)}}
	}
	var network net.Error
	var path *fs.PathError
	var late interface{ Timeout() bool }
	switch typ := semconv.ErrorType(err).Value.AsString(); {
	case errors.Is(err, driver.ErrBadConn):
		return failure{typ: "driver.ErrBadConn", message: driver.ErrBadConn.Error()}
	case errors.Is(err, context.Canceled):
		return failure{typ: "canceled", message: context.Canceled.Error()}
	case errors.As(err, &late) && late.Timeout():
		return failure{typ: "timeout", message: "timeout"}
	case errors.As(err, &network):
		return failure{typ: typ, message: network.Error()}
	case errors.As(err, &path):
		return failure{typ: typ, message: path.Error()}
	default:
		return failure{typ: typ, message: typ}
	}
}

// series are the attributes of an error that has no passage.
func (f failure) series() []attribute.KeyValue {
	if f.typ == "" {
		return nil
	}
	return append(slices.Clip(f.code), semconv.ErrorTypeKey.String(f.typ))
}

// fail ends p with err.
func (d *database) fail(p *trace.Passage, err error) {
	f := d.describe(err)
	if len(f.code) > 0 {
		p.AddSeries(f.code...)
	}
	p.EndAs(f.typ, f.message)
}

// code is Config.StatusCode. It is the user's, or looks into a stranger's error, so it may panic.
func (d *database) code(err error) (code string) {
	defer func() {
		if recover() != nil {
			code = ""
		}
	}()
	if err == nil {
		return ""
	}
	return d.cfg.StatusCode(err)
}

// statusCode returns the database's code for an error of the well-known drivers. They are not imported,
// so it goes by the methods and fields that they have.
func statusCode(err error) string {
	var state interface{ SQLState() string } // lib/pq, pgx
	if errors.As(err, &state) {
		return state.SQLState()
	}
	var number interface{ SQLErrorNumber() int32 } // go-mssqldb
	if errors.As(err, &number) {
		return strconv.Itoa(int(number.SQLErrorNumber()))
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if code := codeOf(err); code != "" {
			return code
		}
	}
	return ""
}

func codeOf(err error) string {
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return ""
	}
	switch systemAt(v.Type().PkgPath()) {
	case "mysql": // *mysql.MySQLError
		if f := v.FieldByName("Number"); f.CanUint() {
			return strconv.FormatUint(f.Uint(), 10)
		}
	case "sqlite": // mattn's sqlite3.Error
		if f := v.FieldByName("ExtendedCode"); f.CanInt() {
			return strconv.FormatInt(f.Int(), 10)
		}
		var coded interface{ Code() int } // modernc.org/sqlite
		if errors.As(err, &coded) {
			return strconv.Itoa(coded.Code())
		}
	case "oracle.db":
		if f := v.FieldByName("ErrCode"); f.CanInt() { // go-ora
			return fmt.Sprintf("ORA-%05d", f.Int())
		}
		var coded interface{ Code() int } // godror
		if errors.As(err, &coded) {
			return fmt.Sprintf("ORA-%05d", coded.Code())
		}
	case "clickhouse":
		if f := v.FieldByName("Code"); f.CanInt() {
			return strconv.FormatInt(f.Int(), 10)
		}
	}
	return ""
}
