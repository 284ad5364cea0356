package tail

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/codes"
)

// Config says what is kept of what was not sampled. The zero value keeps errors.
type Config struct {
	// Slow is the least duration of a local root that is kept for it; 0: none is.
	Slow time.Duration
	// SkipErrors leaves out local roots for being in error, that is, with the status Error.
	SkipErrors bool
	// PerRoute is how many traces a second are kept of each route, after a first burst of as many, at
	// least one; 0 stands for 1. The route is the root's http.route, or else its name.
	PerRoute float64
	// MaxSpans is how many spans of one trace are held; 0 stands for 256. The root is always among
	// them.
	MaxSpans int
	// MaxTraces is how many traces are held at a time; 0 stands for 4096. Beyond it the oldest gives
	// way.
	MaxTraces int
}

// Check returns an error that names the field that cannot be right.
func (c Config) Check() error {
	switch {
	case c.Slow < 0:
		return fmt.Errorf("tail: Slow is %v; it can't be negative", c.Slow)
	case !(c.PerRoute >= 0): // nor NaN
		return fmt.Errorf("tail: PerRoute is %v; it can't be negative", c.PerRoute)
	case c.MaxSpans < 0:
		return fmt.Errorf("tail: MaxSpans is %d; it can't be negative", c.MaxSpans)
	case c.MaxTraces < 0:
		return fmt.Errorf("tail: MaxTraces is %d; it can't be negative", c.MaxTraces)
	case c.SkipErrors && c.Slow == 0:
		return fmt.Errorf("tail: without errors and without Slow there is nothing to keep")
	}
	return nil
}

// WithDefaults returns c with its zeros replaced by what they stand for.
func (c Config) WithDefaults() Config {
	if c.PerRoute == 0 {
		c.PerRoute = 1
	}
	if c.MaxSpans == 0 {
		c.MaxSpans = 256
	}
	if c.MaxTraces == 0 {
		c.MaxTraces = 4096
	}
	return c
}

// Reason says why a local root with this status and duration is worth keeping: "error",
// "slow", or nothing.
func (c Config) Reason(status codes.Code, took time.Duration) string {
	switch {
	case !c.SkipErrors && status == codes.Error:
		return "error"
	case c.Slow > 0 && took >= c.Slow:
		return "slow"
	}
	return ""
}
