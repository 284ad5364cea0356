//go:build !unix

package main

import "time"

var begin = time.Now()

// cpuTime is the wall clock, where there is no better.
func cpuTime() time.Duration { return time.Since(begin) }
