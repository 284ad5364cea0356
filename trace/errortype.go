package trace

import (
	"context"
	"errors"
	"net/http"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// errorType is error.type for err: a word of low cardinality. The conventions leave the words to
// the instrumentation; where Go's type says nothing (*errors.errorString), these do.
func errorType(err error) string {
	var late interface{ Timeout() bool }
	switch {
	case errors.Is(err, http.ErrAbortHandler):
		return "net/http.ErrAbortHandler"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &late) && late.Timeout(): // context.DeadlineExceeded as well
		return "timeout"
	}
	return utf8Only(semconv.ErrorType(err).Value.AsString())
}
