package report

import (
	"slices"
	"time"
)

// SchemaVersion is the version of the JSON form. It is raised when a member
// changes its meaning or goes away, not when one is added.
const SchemaVersion = 1

// Report is what a probe has seen from Start on. The counts are cumulative: a
// later report of the same probe holds all that an earlier one does.
type Report struct {
	SchemaVersion   int       `json:"schema_version"`
	Start           time.Time `json:"start"` // wall clock
	DurationSeconds float64   `json:"duration_seconds"`
	// LostEvents is how many events the kernel could not hand over, of every kind.
	// While it is 0, every count is exact.
	LostEvents uint64            `json:"lost_events"`
	Lost       map[string]uint64 `json:"lost,omitempty"` // LostEvents by kind
	Servers    []Server          `json:"servers"`
	Tiers      []Tier            `json:"tiers,omitempty"`    // what was measured, and what could not be
	Warnings   []string          `json:"warnings,omitempty"` // doubts about the result, a sentence each
}

// Server is one Redis, Valkey or KeyDB process.
type Server struct {
	PID       int    `json:"pid"`                  // in the probe's pid namespace
	Port      int    `json:"port"`                 // the first it listens on; 0 if none is known
	Name      string `json:"name"`                 // of the program: redis-server, valkey-server, keydb-server
	Container string `json:"container,omitempty"`  // id, from the process's cgroup
	Exited    bool   `json:"exited,omitempty"`     // ended while it was observed
	Conns     int    `json:"connections"`          // seen so far
	Resyncs   uint64 `json:"resyncs,omitempty"`    // times that the stream of a connection was found anew
	TLS       bool   `json:"tls,omitempty"`        // some connections are encrypted
	IOThreads bool   `json:"io_threads,omitempty"` // several threads read from sockets

	Commands []Command  `json:"commands"`
	Batches  Batches    `json:"batches"`
	Blame    []Blame    `json:"blame"` // the most waiting first
	Slow     []Slow     `json:"slow,omitempty"`
	Clients  []Client   `json:"clients,omitempty"`  // if asked for
	Prefixes []Prefix   `json:"prefixes,omitempty"` // if asked for
	Syscalls []Syscall  `json:"syscalls,omitempty"` // tier syscalls
	OffCPU   *OffCPU    `json:"off_cpu,omitempty"`  // tier offcpu
	Forks    []Fork     `json:"forks,omitempty"`    // tier offcpu
	Series   []Interval `json:"series,omitempty"`   // the same over time, oldest first
}

// Command is all requests of one name.
type Command struct {
	Name   string `json:"name"`  // in capitals; Other when the kernel's table was full
	Count  uint64 `json:"count"` // requests read from sockets
	Errors uint64 `json:"errors"`
	Phases Phases `json:"phases"`
}

// Ciphertext is the name of the requests under TLS whose own names are not known.
const Ciphertext = "(TLS)"

// TLSText says whether connections are encrypted, and what that keeps hidden; "" if none
// is.
func (s *Server) TLSText() string {
	switch {
	case slices.ContainsFunc(s.Commands, func(c Command) bool { return c.Name == Ciphertext }):
		return "TLS: times without names"
	case s.TLS:
		return "TLS"
	}
	return ""
}

// Phases are the parts of requests' time. Wait and Service are always measured;
// the others are parts of Service, and nil where their tier was off.
type Phases struct {
	Wait    Durations `json:"wait"`    // in the socket, before the event loop read it
	Service Durations `json:"service"` // from the read to the write of the reply

	Execute  *Durations `json:"execute,omitempty"`   // from the read to the first write, without fsync; tier syscalls
	Write    *Durations `json:"write,omitempty"`     // in writes to the socket; tier syscalls
	Fsync    *Durations `json:"fsync,omitempty"`     // in fsync and fdatasync; tier syscalls
	RunQueue *Durations `json:"run_queue,omitempty"` // runnable, waiting for a CPU; tier offcpu
	Blocked  *Durations `json:"blocked,omitempty"`   // asleep in the kernel; tier offcpu
	Call     *Durations `json:"call,omitempty"`      // of each command in a pipeline by itself; tier deep
}

// Batches tells how many requests were read together. A request sent alone is a
// batch of one.
type Batches struct{ Sizes Histogram }

// Cause is what kept the event loop from reading.
type Cause string

// The causes.
const (
	CauseCommand   Cause = "command"   // another request was served
	CauseFsync     Cause = "fsync"     // the append-only file was synced
	CauseFork      Cause = "fork"      // the process was copied, for a snapshot or a rewrite
	CauseScheduler Cause = "scheduler" // the thread was runnable and had no CPU
	CauseUnknown   Cause = "unknown"   // nothing that was measured: expiry, eviction, a module, another server's thread
)

// Blame charges the waiting of requests to what held the event loop meanwhile.
type Blame struct {
	Cause  Cause  `json:"cause"`
	By     string `json:"by"`               // the command, or the cause's own word
	Detail string `json:"detail,omitempty"` // never an argument: the sha1 of a script, the size of a batch
	Client string `json:"client"`           // address:port of the one who sent it; empty if no client did
	// TraceID and SpanID are of the client's request in progress, in lower-case hex;
	// empty where they are not known.
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id,omitempty"`

	Times     uint64    `json:"times"`   // how often it held the loop
	HeldNS    uint64    `json:"held_ns"` // how long, in all
	HeldMaxNS uint64    `json:"held_max_ns"`
	Waited    uint64    `json:"waited"`  // requests that waited for it
	WaitNS    uint64    `json:"wait_ns"` // their waiting, in all
	Victims   []Victim  `json:"victims,omitempty"`
	LastAt    time.Time `json:"last_at"` // when it let go of the loop for the last time
}

// Victim is all requests of one name that waited for the same.
type Victim struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
	MinNS uint64 `json:"min_ns"`
	MaxNS uint64 `json:"max_ns"`
	SumNS uint64 `json:"sum_ns"`
}

// Slow is a batch that took longer than the probe's threshold, or an exemplar
// chosen by chance.
type Slow struct {
	// ID rises with every batch of this kind, so that one who asks for reports
	// repeatedly knows which are new. It begins with 1.
	ID        uint64    `json:"id"`
	At        time.Time `json:"at"` // when the event loop read it
	Client    string    `json:"client"`
	Name      string    `json:"name"`    // of the first command
	Size      int       `json:"size"`    // requests in the batch
	WaitNS    uint64    `json:"wait_ns"` // 0 if its arrival was not seen
	ServiceNS uint64    `json:"service_ns"`
	// Text is the beginning of the request with its arguments, if the user has asked
	// for them, else empty.
	Text      string `json:"text,omitempty"`
	Error     bool   `json:"error,omitempty"`
	Exemplar  bool   `json:"exemplar,omitempty"` // chosen by chance, not for being slow
	TraceID   string `json:"trace_id,omitempty"`
	SpanID    string `json:"span_id,omitempty"`
	Goroutine uint64 `json:"goroutine,omitempty"` // id, of a Go client
}

// Client is all requests of one address.
type Client struct {
	Address string `json:"address"` // without the port
	Conns   int    `json:"connections"`
	Command
}

// Prefix is all requests whose first key begins alike.
type Prefix struct {
	Prefix string `json:"prefix"`
	Command
}

// Syscall is all calls of one name.
type Syscall struct {
	Name   string            `json:"name"`
	Calls  uint64            `json:"calls"`
	Errors uint64            `json:"errors"`
	Errnos map[string]uint64 `json:"errnos,omitempty"` // by name: EAGAIN
	Time   Durations         `json:"time"`
}

// OffCPU is when a server's threads did not run though they might have.
type OffCPU struct {
	RunQueue Durations `json:"run_queue"` // runnable, without a CPU
	Reasons  []Reason  `json:"blocked"`   // asleep, by what for; idle waiting for requests is not among them
}

// Reason is why threads slept.
type Reason struct {
	Name string    `json:"name"` // in the kernel's words: a system call, page fault, futex
	Time Durations `json:"time"`
}

// Fork is a child that the server made of itself.
type Fork struct {
	At          time.Time `json:"at"`
	ChildPID    int       `json:"child_pid"`
	StallNS     uint64    `json:"stall_ns"` // of the event loop, in clone
	ChildLifeNS uint64    `json:"child_life_ns"`
	CopyFaults  uint64    `json:"copy_faults"` // pages that the parent had to copy while the child lived
}

// Interval is a part of a server's time.
type Interval struct {
	AtSeconds float64   `json:"at_seconds"` // since the report's Start
	Seconds   float64   `json:"seconds"`
	Commands  []Command `json:"commands"`
}

// TierState says how a tier fares.
type TierState string

// The states of a tier.
const (
	TierReady    TierState = "ready"    // works here; attached for real and taken off again
	TierOn       TierState = "on"       // measuring
	TierDegraded TierState = "degraded" // works with a part missing
	TierMissing  TierState = "missing"  // cannot work here
	TierOff      TierState = "off"      // not asked for
)

// Tier is one way of measuring and what it needs.
type Tier struct {
	Name    string    `json:"name"` // lean, syscalls, offcpu, deep, goclient
	State   TierState `json:"state"`
	Does    string    `json:"does,omitempty"`    // what it measures, in a few words
	Missing string    `json:"missing,omitempty"` // in the system's word: CAP_BPF, "tracepoint sk_data_ready (Linux 6.3)"
	Mend    string    `json:"mend,omitempty"`    // how to get it
	Costs   string    `json:"costs,omitempty"`   // whom it slows, and how much
}
