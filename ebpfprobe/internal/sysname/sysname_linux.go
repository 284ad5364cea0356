//go:build amd64 || arm64

// Package sysname knows the names of system calls and of their errors, for the
// architecture that it is built for.
package sysname

import (
	"strconv"

	"golang.org/x/sys/unix"
)

//go:generate go run ./internal/gennames

// Call returns the name of the system call with a number on this architecture; a
// number that is newer than the table is "syscall_N".
func Call(nr int) string {
	if name, ok := names[nr]; ok {
		return name
	}
	return "syscall_" + strconv.Itoa(nr)
}

// The kernel's own codes, which it turns into others, or into a restart, before a
// program sees them; include/linux/errno.h.
var restarts = map[int]string{
	512: "ERESTARTSYS",
	513: "ERESTARTNOINTR",
	514: "ERESTARTNOHAND",
	515: "ENOIOCTLCMD",
	516: "ERESTART_RESTARTBLOCK",
	517: "EPROBE_DEFER",
}

// Error returns the name of an error, a number above 0 as the kernel defines it.
func Error(nr int) string {
	if name := unix.ErrnoName(unix.Errno(nr)); name != "" {
		return name
	}
	if name, ok := restarts[nr]; ok {
		return name
	}
	return "E" + strconv.Itoa(nr)
}
