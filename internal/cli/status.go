package cli

import (
	"errors"
	"fmt"
	"io/fs"
)

// The exit statuses; the package comment says what each means.
const (
	statusDone    = 0
	statusGateMet = 1
	statusFailed  = 2
	statusMissing = 3
)

// GateMet is returned by a command that did its work and found that the gate its
// user set, such as --fail-on, is met. The exit status is 1.
type GateMet struct {
	Reason string // which gate, and the figure that met it
}

func (e GateMet) Error() string { return e.Reason }

// Missing is returned by a command that is not permitted, or not supported, on
// this machine. The exit status is 3.
type Missing struct {
	Doing string // what was being done: "attach to pid 4711"
	What  string // what is missing, in the system's own word: "CAP_BPF", "kernel BTF", "Linux"
	Mend  string // how to get it: "run as root, or: setcap cap_bpf,cap_perfmon+ep redisprobe"
	Err   error  // the cause; may be nil
}

func (e *Missing) Error() string {
	msg := fmt.Sprintf("%s: needs %s", e.Doing, e.What)
	if e.Err != nil {
		msg += fmt.Sprintf(" (%v)", e.Err)
	}
	return msg + ": " + e.Mend
}

// Unwrap returns the cause.
func (e *Missing) Unwrap() error { return e.Err }

// UsageError is returned for a call that the user has to write differently. The
// exit status is 2, and the way to the command's help is printed below the error.
type UsageError struct {
	Command string // the command's path, such as "clew demo"; Execute fills it in
	Err     error  // what is wrong with the call
}

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with the call.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError for what a command finds wrong with its own
// arguments, formatted as by fmt.Errorf.
func Usagef(format string, args ...any) error {
	return &UsageError{Err: fmt.Errorf(format, args...)}
}

// Status returns the exit status that err stands for; nil stands for 0. Errors
// of libraries count by errors.ErrUnsupported and fs.ErrPermission, so that a
// library need not know this package.
func Status(err error) int {
	var gate GateMet
	var usage *UsageError
	var missing *Missing
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &gate):
		return statusGateMet
	case errors.As(err, &usage):
		return statusFailed
	case errors.As(err, &missing), errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission):
		return statusMissing
	default:
		return statusFailed
	}
}
