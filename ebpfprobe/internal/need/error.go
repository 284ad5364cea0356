// Package need says what a tier of the probe needs of the system, and finds out
// which of it is missing.
package need

import (
	"errors"
	"fmt"
	"io/fs"
)

// Error says what is missing. It is errors.ErrUnsupported, or fs.ErrPermission if
// Privilege is set.
type Error struct {
	Doing     string // what was being done: "attach to sk_data_ready"
	What      string // what is missing, in the system's word: "CAP_BPF", "Linux"
	Mend      string // how to get it
	Privilege bool   // it is a privilege of the caller, not a property of the system
	Err       error  // the cause; may be nil
}

func (e *Error) Error() string {
	msg := fmt.Sprintf("%s: needs %s", e.Doing, e.What)
	if e.Err != nil {
		msg += fmt.Sprintf(" (%v)", e.Err)
	}
	if e.Mend != "" {
		msg += ": " + e.Mend
	}
	return msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is says whether target is the class of e.
func (e *Error) Is(target error) bool {
	if e.Privilege {
		return target == fs.ErrPermission
	}
	return target == errors.ErrUnsupported
}
