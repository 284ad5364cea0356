//go:build !linux

package goproc

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Process is a running Go process that is being read, on Linux.
type Process struct{}

// Open reports that this system can't do it; the error is
// [errors.ErrUnsupported] to errors.Is.
func Open(pid int) (*Process, error) { return nil, unsupported(pid) }

func unsupported(pid int) error {
	return fmt.Errorf("read process %d: %w on %s/%s: it takes Linux", pid, errors.ErrUnsupported, runtime.GOOS, runtime.GOARCH)
}

// ThreadOf reports that this system can't do it, as [Open] does.
func ThreadOf(pid int) (Thread, error) { return Thread{}, unsupported(pid) }

// Program returns the zero value.
func (*Process) Program() Program { return Program{} }

// Snapshot returns [errors.ErrUnsupported].
func (*Process) Snapshot(context.Context, Options) (*Snapshot, error) {
	return nil, errors.ErrUnsupported
}

// Close does nothing.
func (*Process) Close() error { return nil }
