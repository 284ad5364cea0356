// Package report renders what [goproc] read of a process, for people and for
// programs.
package report

import (
	"time"

	"github.com/clewhq/clew/internal/goproc"
)

// SchemaVersion is the version of [Document].
const SchemaVersion = 1

// View is one snapshot, grouped and filtered, ready to be shown.
type View struct {
	Program goproc.Program
	Taken   time.Time
	Took    time.Duration
	Key     string // the label that makes a request
	// Requests and Rest are what is shown; Total counts all goroutines that were
	// read, System those of the runtime among them.
	Requests      []goproc.Request
	Rest          []*goproc.Goroutine
	Total, System int
	Unread        int // goroutines beyond the limit of one snapshot
	Filtered      bool
}

// Document is the JSON form of a [View]. Times are in seconds.
type Document struct {
	PID        int         `json:"pid"`
	Program    string      `json:"program"`
	GoVersion  string      `json:"go_version"`
	Taken      time.Time   `json:"taken"`
	Took       float64     `json:"took_seconds"`
	Goroutines int         `json:"goroutines"`
	System     int         `json:"system_goroutines"`
	Unread     int         `json:"unread_goroutines"`
	Key        string      `json:"key"`
	Requests   []request   `json:"requests"`
	Rest       []goroutine `json:"other_goroutines"`
}

type request struct {
	ID         string      `json:"id"`
	AtLeast    float64     `json:"at_least_seconds"`
	Ended      bool        `json:"ended"`
	Unsampled  bool        `json:"unsampled"`
	Goroutines []goroutine `json:"goroutines"`
}

type goroutine struct {
	ID         uint64               `json:"id"`
	Parent     uint64               `json:"parent,omitempty"`
	State      goproc.State         `json:"state"`
	WaitReason string               `json:"wait_reason,omitempty"`
	Waiting    float64              `json:"waiting_at_least_seconds,omitempty"`
	Locked     bool                 `json:"locked_to_thread,omitempty"`
	System     bool                 `json:"system,omitempty"`
	Trace      *goproc.TraceContext `json:"trace,omitempty"`
	Labels     []goproc.Label       `json:"labels,omitempty"`
	LabelsCut  bool                 `json:"labels_truncated,omitempty"`
	At         goproc.Frame         `json:"at"`
	Stack      []goproc.Frame       `json:"stack,omitempty"`
	StackCut   bool                 `json:"stack_truncated,omitempty"`
	Start      goproc.Frame         `json:"start"`
	Creator    *goproc.Frame        `json:"created_at,omitempty"`
}

// NewDocument returns the JSON form of v.
func NewDocument(v *View) Document {
	d := Document{
		PID: v.Program.PID, Program: v.Program.Path, GoVersion: v.Program.GoVersion,
		Taken: v.Taken, Took: v.Took.Seconds(),
		Goroutines: v.Total, System: v.System, Unread: v.Unread, Key: v.Key,
		Requests: make([]request, len(v.Requests)), Rest: convert(&v.Program, v.Rest),
	}
	for i, r := range v.Requests {
		d.Requests[i] = request{
			ID: r.ID, AtLeast: r.AtLeast.Seconds(), Ended: r.Ended, Unsampled: r.Unsampled,
			Goroutines: convert(&v.Program, r.Goroutines),
		}
	}
	return d
}

func convert(p *goproc.Program, gs []*goproc.Goroutine) []goroutine {
	out := make([]goroutine, len(gs))
	for i, g := range gs {
		out[i] = goroutine{
			ID: g.ID, Parent: g.Parent, State: g.State, WaitReason: g.WaitReason, Waiting: g.Waiting.Seconds(),
			Locked: g.Locked, System: g.System, Labels: g.Labels, LabelsCut: g.LabelsCut,
			At: p.UserFrame(g), Stack: g.Stack, StackCut: g.StackCut, Start: g.Start,
		}
		if g.Trace.TraceID != "" {
			out[i].Trace = &g.Trace
		}
		if g.Creator.Func != "" {
			out[i].Creator = &g.Creator
		}
	}
	return out
}
