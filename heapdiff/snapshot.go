package heapdiff

import (
	"time"

	"github.com/clewhq/clew/heapdiff/internal/sampled"
)

// Kind says what sort of heap a snapshot shows. Only snapshots of one kind can
// be compared.
type Kind string

// The kinds of snapshot. Their text is part of the JSON contract.
const (
	KindJVM       Kind = "jvm"       // a heap dump in hprof format, from HotSpot or Android
	KindGo        Kind = "go"        // sampled heap profiles of a Go program
	KindJemalloc  Kind = "jemalloc"  // sampled profiles of jemalloc or tcmalloc
	KindHistogram Kind = "histogram" // a class histogram in text, from jmap or jcmd
)

// Generations says how far the split into old and young can be trusted.
type Generations string

// The degrees of trust in a generation map.
const (
	// GenerationsExact: every object lies in a region of the map, and nothing
	// that was seen speaks against it.
	GenerationsExact Generations = "exact"
	// GenerationsApproximate: the map and the dump disagree somewhere, and the
	// user asked to go on nevertheless.
	GenerationsApproximate Generations = "approximate"
	// GenerationsUnknown: there is no map, or the collector has no generations.
	GenerationsUnknown Generations = "unknown"
)

// Snapshot is one heap at one moment. It is a plain value: nothing in it refers
// to the file it was read from, and it may be read by several goroutines.
type Snapshot struct {
	Kind   Kind      `json:"kind"`
	Source string    `json:"source"` // file, URL or "-", as the user gave it
	Time   time.Time `json:"time"`   // when it was taken; zero when the format does not tell

	Objects int64 `json:"objects"` // objects in the snapshot, dead ones too; an estimate in a sampled profile
	Bytes   int64 `json:"bytes"`   // their shallow sizes together

	Generations Generations `json:"generations"`
	Collector   string      `json:"collector,omitempty"` // the collector as the map shows it: "G1", "Parallel", …

	// Reached says whether liveness is known: the graph of references was walked.
	Reached bool `json:"reached"`
	// LiveObjects and LiveBytes are what a full collection would keep. They
	// mean something only when Reached is true.
	LiveObjects int64 `json:"live_objects"`
	LiveBytes   int64 `json:"live_bytes"`

	// Warnings are doubts about the whole snapshot, a sentence each.
	Warnings []string `json:"warnings"`

	// Sampling is nil unless the snapshot is a sampled profile.
	Sampling *Sampling `json:"sampling,omitempty"`

	Classes  []Class   `json:"classes"` // by ShallowBytes, largest first
	Holders  []Holder  `json:"holders,omitempty"`
	Loaders  []Loader  `json:"loaders,omitempty"` // class loaders, JVM only
	Findings []Finding `json:"findings,omitempty"`
	Paths    []Path    `json:"paths,omitempty"` // where Options.PathsTo asked for them
}

// Class is one row of a snapshot: a class of one loader in a JVM dump, an
// allocation stack in a sampled profile.
type Class struct {
	Name   string `json:"name"`             // as the language writes it: "java.util.HashMap$Node[]"
	Loader string `json:"loader,omitempty"` // class of the defining loader; empty for the boot loader and where unknown

	Instances     int64 `json:"instances"`
	ShallowBytes  int64 `json:"shallow_bytes"`
	RetainedBytes int64 `json:"retained_bytes"` // bytes that would go with all instances; 0 when not computed

	// Stack is the calls that allocated, the innermost first, and Sample what was
	// really recorded of it; sampled profiles only.
	Stack  []string `json:"stack,omitempty"`
	Sample *Sample  `json:"sample,omitempty"`

	// Old and Young are nil where the generations are unknown.
	Old   *Population `json:"old,omitempty"`
	Young *Population `json:"young,omitempty"`
}

// Sample is the evidence behind the estimates of a sampled profile.
type Sample struct {
	InUse     int64 `json:"in_use"`    // objects in use that were sampled
	Allocated int64 `json:"allocated"` // the same of all ever allocated; 0 where they are not counted
	// AllocatedObjects and AllocatedBytes are estimates of all ever allocated.
	AllocatedObjects int64 `json:"allocated_objects"`
	AllocatedBytes   int64 `json:"allocated_bytes"`
}

// Sampling is how a sampled profile was made, and what else it tells.
type Sampling struct {
	Rate        int64 `json:"rate"`        // mean bytes from one sample to the next
	Allocations bool  `json:"allocations"` // whether allocations are counted, not only what is in use
	// Runtime is what the Go runtime says of its heap; nil where it does not.
	Runtime *GoRuntime `json:"runtime,omitempty"`
}

// GoRuntime is the state of a Go program's heap, in bytes.
type GoRuntime = sampled.Runtime

// Population is the part of a class that lies in one generation.
type Population struct {
	Live int64 `json:"live"` // instances that a full collection would keep
	Dead int64 `json:"dead"` // instances that are garbage, not yet collected
	// Unsorted counts instances of which it is not known whether they live,
	// because the references were not walked; Live and Dead are 0 then.
	Unsorted int64 `json:"unsorted,omitempty"`

	// The same in shallow bytes.
	LiveBytes     int64 `json:"live_bytes"`
	DeadBytes     int64 `json:"dead_bytes"`
	UnsortedBytes int64 `json:"unsorted_bytes,omitempty"`
}

// Instances is the number of instances in the generation, whatever their state.
func (p *Population) Instances() int64 {
	if p == nil {
		return 0
	}
	return p.Live + p.Dead + p.Unsorted
}

// Bytes is the shallow size of the generation's instances, whatever their state.
func (p *Population) Bytes() int64 {
	if p == nil {
		return 0
	}
	return p.LiveBytes + p.DeadBytes + p.UnsortedBytes
}

// Holder is an object, or a group of like objects on like paths, that keeps
// other objects alive. Holders form a tree, the dominator tree with like nodes
// merged: what a holder retains includes what its children retain.
type Holder struct {
	// Label is how the parent refers to it: a field, or "[]" in an array; where
	// there is no parent a static field ("leak.Big.LEAK"), a thread or a root.
	Label string `json:"label"`
	Class string `json:"class"`
	// Static says that Label is a static field with its class, which is the same
	// in every snapshot however the class itself is reached.
	Static bool `json:"static,omitempty"`
	// Parent is the index in Snapshot.Holders of the holder one step nearer the
	// roots, or -1. It is always less than the holder's own index.
	Parent int `json:"parent"`

	Objects       int64 `json:"objects"` // merged objects
	RetainedBytes int64 `json:"retained_bytes"`
}

// Loader is one class loader with what it keeps alive.
type Loader struct {
	Class         string `json:"class"`
	Instances     int64  `json:"instances"` // loaders of that class
	Classes       int64  `json:"classes"`   // classes they define
	RetainedBytes int64  `json:"retained_bytes"`
}

// Finding is something worth knowing that is no single holder: duplicate
// strings, oversized collections, thread locals, finalizers, direct buffers.
type Finding struct {
	Kind    string `json:"kind"` // "duplicate-strings", "oversized-collections", …
	Subject string `json:"subject"`
	Count   int64  `json:"count"`
	Bytes   int64  `json:"bytes"`
	Text    string `json:"text"` // the evidence in a sentence
}

// Path is a shortest way from a root to objects.
type Path struct {
	Steps         []string `json:"steps"`   // the root first
	Objects       int64    `json:"objects"` // how many of the objects looked at are held so
	RetainedBytes int64    `json:"retained_bytes"`
}
