package propagate

import (
	"errors"
	"fmt"
)

var (
	// ErrDone answers who resumes what has come to its end.
	ErrDone = errors.New("propagate: already done")
	// ErrRunning answers who resumes what is running.
	ErrRunning = errors.New("propagate: a step is running already")
	// ErrLoopFull answers a task for which a [Loop] has no room.
	ErrLoopFull = errors.New("propagate: the loop's queue is full")
	// ErrLoopClosed answers a task for a [Loop] that takes no more.
	ErrLoopClosed = errors.New("propagate: the loop is closed")

	errAbandoned = errors.New("propagate: the continuation was never resumed again")
	errExited    = errors.New("propagate: the function called runtime.Goexit")
	errNilFunc   = errors.New("propagate: nil function")
)

// PanicError is the error that those get who wait for a function that
// panicked on another goroutine.
type PanicError struct {
	Value any    // what it panicked with
	Stack string // where
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n\n%s", e.Value, e.Stack) }

// Unwrap returns the panic's value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
