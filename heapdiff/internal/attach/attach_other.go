//go:build !linux

package attach

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Open is not supported on this system.
func Open(_ context.Context, pid int) (*VM, error) {
	return nil, fmt.Errorf("attach to pid %d: %w on %s: use jcmd of the JVM's own JDK", pid, errors.ErrUnsupported, runtime.GOOS)
}
