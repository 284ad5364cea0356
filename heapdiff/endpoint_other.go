//go:build !linux

package heapdiff

import (
	"errors"
	"fmt"
	"runtime"
)

// listening is not known elsewhere: only Linux tells the ports of a process in
// files.
func listening(int) ([]string, error) {
	return nil, fmt.Errorf("%w on %s: give the URL instead", errors.ErrUnsupported, runtime.GOOS)
}
