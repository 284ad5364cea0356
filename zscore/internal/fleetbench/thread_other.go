//go:build !linux

package main

import (
	"fmt"
	"runtime"
	"time"

	"errors"
)

// threadTime is not known here.
func threadTime() (time.Duration, error) {
	return 0, fmt.Errorf("processor time of a thread on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
