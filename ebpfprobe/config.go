package ebpfprobe

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// DefaultSlowThreshold is the SlowThreshold of a Config that sets none.
const DefaultSlowThreshold = 10 * time.Millisecond

// Config says which servers to observe and what to measure. At least one of PIDs,
// Ports and All must be set; the zero value of everything else is what most users
// want.
type Config struct {
	PIDs  []int // processes, whatever their name, as seen from the probe's pid namespace
	Ports []int // TCP ports of servers, in whatever network namespace
	All   bool  // every process that looks like a Redis, Valkey or KeyDB server

	// SlowThreshold is the time of waiting or of service from which on a batch of
	// requests is reported by itself, and its waiting charged to someone.
	SlowThreshold time.Duration
	// SampleEvery reports one in so many batches by itself, however fast; 0 none.
	SampleEvery uint32
	// ShowArguments keeps the arguments of the requests that are reported by
	// themselves. They may be anybody's data; without it they are question marks.
	ShowArguments bool

	ByClient bool // measure by client address too
	ByPrefix bool // measure by the first key's prefix too, up to its first colon

	Syscalls bool // the system calls of the servers; slows every process of the host a little
	// SyscallsOnly measures the system calls and nothing else, of processes of any
	// kind. It costs less than Syscalls; the requests are not looked at.
	SyscallsOnly bool
	OffCPU       bool // run queue, blocking, forks
	Deep         bool // uprobes for commands in pipelines and under TLS; slows the servers
	TraceIDs     bool // trace ids of Go clients on this host

	Log *slog.Logger // what happens meanwhile, such as a server's restart; nil is silent
}

func (c *Config) setDefaults() error {
	if len(c.PIDs) == 0 && len(c.Ports) == 0 && !c.All {
		return errors.New("no server chosen: set PIDs, Ports or All")
	}
	for _, pid := range c.PIDs {
		if pid <= 0 {
			return fmt.Errorf("pid %d: must be above 0", pid)
		}
	}
	for _, port := range c.Ports {
		if port <= 0 || port > 65535 {
			return fmt.Errorf("port %d: must be from 1 to 65535", port)
		}
	}
	if c.SlowThreshold < 0 {
		return fmt.Errorf("slow threshold %v: must not be negative", c.SlowThreshold)
	}
	if c.SlowThreshold == 0 {
		c.SlowThreshold = DefaultSlowThreshold
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}
