package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/goproc"
	"github.com/clewhq/clew/internal/goproc/report"
)

// goroutinesOptions are what the user said to clew goroutines.
type goroutinesOptions struct {
	pid       int
	by        string
	id        string
	states    []string
	stacks    bool
	system    bool
	maxFrames int
	every     time.Duration
	count     int
}

func goroutinesCommand(s cli.Streams) *cobra.Command {
	var o goroutinesOptions
	c := &cobra.Command{
		Use:   "goroutines -p PID",
		Short: "Show the requests in flight of a running Go process, from outside",
		Long: `Reads the goroutines of another process and groups them by the request they work
for: the pprof label trace_id, which package propagate and other tracing
libraries set. The process need not cooperate and is not stopped. It may be
stripped, position-independent or use cgo; Go ` + strings.Join(goproc.Versions(), ", ") + ` on Linux.

BLOCKED is how long a goroutine has been blocked at the least, as the runtime
noted at the last garbage collection. A request lasts at least as long as its
goroutines are blocked; with --every also since clew first saw it. The state
"running" has no stack, as its registers are in the processor; "moving" is a
goroutine that changed each time it was looked at.

It takes the right to trace the process: its own user where
kernel.yama.ptrace_scope is 0, else root or CAP_SYS_PTRACE.`,
		Example: `  clew goroutines -p 4711
  clew goroutines -p 4711 --trace 4bf92f35 --stacks
  clew goroutines -p 4711 --state 'chan receive' --state select
  clew goroutines -p 4711 --by tenant --every 2s --json`,
		Args: cli.NoArgs,
	}
	fs := c.Flags()
	pid := cli.PID(fs, "the process to look at")
	fs.StringVar(&o.by, "by", goproc.TraceKey, "the pprof `label` that makes goroutines a request")
	fs.StringVar(&o.id, "trace", "", "only requests whose id (or label) begins with this `text`")
	fs.StringArrayVar(&o.states, "state", nil, "only goroutines in this `state` or with this wait reason, such as running or \"IO wait\"; may be given again")
	fs.BoolVar(&o.stacks, "stacks", false, "write the stacks in full")
	fs.BoolVar(&o.system, "system", false, "also those of the runtime, such as the garbage collector's")
	fs.IntVar(&o.maxFrames, "max-frames", 128, "frames of one stack to read at most, a `number`")
	every := cli.Every(fs, 0, "read again after each such time (default: once)")
	count := cli.Count(fs, "end after this many readings (default: 1, with --every no limit)")
	out := cli.OutputFlags(c, cli.Text, cli.JSON)
	if err := c.MarkFlagRequired("pid"); err != nil {
		panic(err) // the flag was added above
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		o.pid, o.every, o.count = *pid, *every, *count
		if err := o.check(); err != nil {
			return err
		}
		return out.Write(s, func(w io.Writer, f cli.Format) error {
			return showGoroutines(c.Context(), s, w, f, o)
		})
	}
	return c
}

func (o *goroutinesOptions) check() error {
	switch {
	case o.maxFrames < 1:
		return cli.Usagef("--max-frames %d: want a whole number above 0", o.maxFrames)
	case o.by == "":
		return cli.Usagef("--by: the label's name is empty; leave the flag out for %s", goproc.TraceKey)
	case o.count > 1 && o.every == 0:
		return cli.Usagef("--count %d without --every: how long between two readings?", o.count)
	case o.count == 0 && o.every == 0:
		o.count = 1
	}
	return nil
}

// showGoroutines reads the process as often as was asked for. Without a count
// the process's end is a good end, as a signal is.
func showGoroutines(ctx context.Context, s cli.Streams, w io.Writer, f cli.Format, o goroutinesOptions) (err error) {
	p, err := goproc.Open(o.pid)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	var seen goproc.Sightings
	for n := 1; ; n++ {
		snap, err := snapshotQuietly(ctx, p, o.maxFrames)
		if n > 1 && ctx.Err() != nil {
			return nil // a signal between two readings
		}
		if n > 1 && o.count == 0 && errors.Is(err, goproc.ErrGone) {
			fmt.Fprintf(s.Err, "process %d has ended\n", o.pid)
			return nil
		}
		if err != nil {
			return err
		}
		if n > 1 && f.Name == cli.Text.Name {
			fmt.Fprintln(w)
		}
		if err := writeGoroutines(w, f, o.view(snap, &seen), o.stacks); err != nil {
			return err
		}
		if err := s.Out.Flush(); err != nil {
			return err
		}
		if n == o.count {
			return nil
		}
		select {
		case <-time.After(o.every):
		case <-ctx.Done():
			return nil
		}
	}
}

// quietHeap is how far the heap may grow before garbage is collected during a reading after all.
const quietHeap = 1 << 30

// snapshotQuietly reads the process without collecting our own garbage meanwhile: the collector takes
// every processor that is free, and what it takes from the process while we hold the lock on its
// mappings is what the process feels most of a reading; see goproc's BenchmarkPauses.
func snapshotQuietly(ctx context.Context, p *goproc.Process, maxFrames int) (*goproc.Snapshot, error) {
	percent, limit := debug.SetGCPercent(-1), debug.SetMemoryLimit(quietHeap)
	defer func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}()
	return p.Snapshot(ctx, goproc.Options{MaxFrames: maxFrames})
}

func writeGoroutines(w io.Writer, f cli.Format, v *report.View, stacks bool) error {
	if f.Name == cli.JSON.Name {
		return cli.WriteJSON(w, report.SchemaVersion, report.NewDocument(v))
	}
	return report.Text(w, v, stacks)
}

// view groups a snapshot and leaves out what was not asked for.
func (o *goroutinesOptions) view(snap *goproc.Snapshot, seen *goproc.Sightings) *report.View {
	rs, rest := snap.Requests(o.by)
	seen.Age(snap.Taken, rs)
	v := &report.View{
		Program: snap.Program, Taken: snap.Taken, Took: snap.Took, Key: o.by,
		Total: len(snap.Goroutines), Unread: snap.Unread,
		Filtered: o.id != "" || len(o.states) > 0,
	}
	for i := range snap.Goroutines {
		if g := &snap.Goroutines[i]; g.System {
			v.System++
			if o.system {
				rest = append(rest, g)
			}
		}
	}
	for _, r := range rs {
		if r.Goroutines = o.inState(r.Goroutines); len(r.Goroutines) > 0 && strings.HasPrefix(r.ID, o.id) {
			v.Requests = append(v.Requests, r)
		}
	}
	if o.id == "" {
		v.Rest = o.inState(rest)
	}
	return v
}

func (o *goroutinesOptions) inState(gs []*goproc.Goroutine) []*goproc.Goroutine {
	if len(o.states) == 0 {
		return gs
	}
	return slices.DeleteFunc(slices.Clone(gs), func(g *goproc.Goroutine) bool {
		return !slices.Contains(o.states, string(g.State)) && !slices.Contains(o.states, g.WaitReason)
	})
}
