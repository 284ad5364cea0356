package trace

import (
	"fmt"

	"go.opentelemetry.io/otel"
)

// guard is deferred around every call into somebody else's telemetry code (tracer, propagator,
// meter, error handler): what panics there is reported to OpenTelemetry's error handler and ends
// there, because the request being served has nothing to do with it.
func guard(doing string) {
	if p := recover(); p != nil {
		report(fmt.Errorf("%s: telemetry code panicked: %v", doing, p))
	}
}

// report hands err to OpenTelemetry's error handler, which may be the user's and may panic as well.
func report(err error) {
	defer func() { _ = recover() }()
	otel.Handle(err)
}
