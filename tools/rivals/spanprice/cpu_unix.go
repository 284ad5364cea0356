//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime is what the process has had so far, in its own code and in the kernel for it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the call has no way to fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
