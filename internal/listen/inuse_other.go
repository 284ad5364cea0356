//go:build !windows

package listen

import "syscall"

const errInUse = syscall.EADDRINUSE
