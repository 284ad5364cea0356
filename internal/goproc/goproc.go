package goproc

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// ErrGone is in the chain of an error about a process that does not exist, or
// that ended or ran another program while it was read.
var ErrGone = errors.New("no such process")

// ErrNotGo is in the chain of an error about a process whose program was not
// built by the Go toolchain.
var ErrNotGo = errors.New("not a Go program")

// PermissionError says that the kernel does not let the caller read a process,
// and how to be let. It is [fs.ErrPermission] to errors.Is.
type PermissionError struct {
	PID  int
	Why  string // what stands in the way
	Mend string // what the user can do
}

// Error names what stands in the way and the mend.
func (e *PermissionError) Error() string {
	return fmt.Sprintf("read process %d: not permitted: %s; %s", e.PID, e.Why, e.Mend)
}

// Is reports whether target is [fs.ErrPermission].
func (e *PermissionError) Is(target error) bool { return target == fs.ErrPermission }

// VersionError says that the process runs a version of Go whose runtime this
// package does not know. It does not guess at the layout of an unknown one.
type VersionError struct {
	PID     int
	Version string // as the binary states it, for example "go1.27.1"
}

// Error names the version found and those that are known.
func (e *VersionError) Error() string {
	return fmt.Sprintf("read process %d: built with %s: goroutines can be read from outside for %s only",
		e.PID, e.Version, strings.Join(Versions(), ", "))
}

// Is reports whether target is [errors.ErrUnsupported].
func (e *VersionError) Is(target error) bool { return target == errors.ErrUnsupported }

// State is what a goroutine was doing.
type State string

// The states of a goroutine. All but Moving are the runtime's own.
const (
	Running   State = "running"
	Runnable  State = "runnable"
	Waiting   State = "waiting"
	Syscall   State = "syscall"
	Preempted State = "preempted"
	// Leaked is a goroutine that the runtime's leak detector found to be
	// blocked for ever.
	Leaked State = "leaked"
	// Moving is a goroutine that changed each time it was read. Only its ID is
	// known.
	Moving State = "moving"
)

// Label is one pprof label of a goroutine.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Frame is one call on a stack. A call that the compiler inlined is a frame of
// its own.
type Frame struct {
	Func string `json:"func"`           // with its package path; "" if unknown
	File string `json:"file,omitempty"` // as the compiler recorded it
	Line int    `json:"line,omitempty"`
	PC   uint64 `json:"-"` // in the process's address space
}

// Goroutine is one goroutine as it was at one moment of a [Snapshot].
type Goroutine struct {
	ID     uint64
	Parent uint64 // goroutine that started it; 0 if unknown
	State  State
	// WaitReason is the runtime's word for what a waiting goroutine waits for,
	// for example "chan receive".
	WaitReason string
	// Waiting is how long the goroutine has been blocked at the least; 0 if
	// unknown. The runtime notes it only when a garbage collection begins, so a
	// goroutine that blocked after the last one has none.
	Waiting time.Duration
	Locked  bool // to its thread, by runtime.LockOSThread
	System  bool // of the runtime itself, such as the garbage collector's workers
	Trace   TraceContext
	Labels  []Label // shared with other goroutines; not to be changed
	// LabelsCut says that there were more or longer labels than are read.
	LabelsCut bool
	// Stack is innermost first. It is empty for Running and Moving. It is shared
	// with other goroutines, and not to be changed.
	Stack []Frame
	// StackCut says that the stack has more frames than are in Stack: it is
	// deeper than the limit, or it passes through code without frame information.
	StackCut bool
	Start    Frame // the function it was started with
	Creator  Frame // the go statement
}

// Label returns the value of a label, and whether the goroutine has it.
func (g *Goroutine) Label(key string) (string, bool) {
	for _, l := range g.Labels {
		if l.Key == key {
			return l.Value, true
		}
	}
	return "", false
}

// Reason is the WaitReason of a waiting goroutine, else its State: the one word
// that the runtime's own tracebacks print.
func (g *Goroutine) Reason() string {
	if g.WaitReason != "" {
		return g.WaitReason
	}
	return string(g.State)
}

// Program is what is known of the process's program.
type Program struct {
	PID       int
	Path      string   // of the executable, as the kernel names it
	GoVersion string   // for example "go1.26.8"
	Modules   []string // paths of the main module, first, and of its dependencies
}

// Snapshot is what one reading of a process found. Each goroutine is right for
// one moment between Taken and Taken+Took, not all for the same one.
type Snapshot struct {
	Program    Program
	Taken      time.Time
	Took       time.Duration
	Goroutines []Goroutine // by ID
	// Unread counts goroutines beyond the limit of one snapshot.
	Unread int
}

// Options bounds a [Process.Snapshot]. The zero value is a good choice.
type Options struct {
	// MaxFrames is the number of frames kept of one stack; 0 means 128.
	MaxFrames int
	// NoStacks leaves the stacks out.
	NoStacks bool
}
