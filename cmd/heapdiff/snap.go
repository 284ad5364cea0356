package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/internal/cli"
)

func snapCommand(s cli.Streams) *cobra.Command {
	var in *inputs
	var output, dir string
	var tries int
	c := &cobra.Command{
		Use:   "snap [flags] PID",
		Short: "Take a snapshot of a running JVM",
		Long: `snap asks a running HotSpot JVM for the map of its generations, for a dump with
the garbage in it, and for the map again, over the JVM's own attach socket; no JDK
is needed. The JVM stands still while it writes the dump. If a collection ran in
between, the dump is taken again, and in the end refused.

The result is a summary (NAME.hds, the default), or the dump itself (NAME.hprof)
with its map beside it (NAME.map.txt), where the other verbs find it.`,
		Example: `  heapdiff snap 4711 -o monday.hds
  heapdiff snap 4711 -o monday.hprof && heapdiff show --gen old monday.hprof`,
		Args: onePID,
	}
	fs := c.Flags()
	fs.StringVarP(&output, "output", "o", "", "write to this `file`, .hds or .hprof (default heap-PID.hds)")
	fs.StringVar(&dir, "dump-dir", "", "`directory` that the JVM writes its dump to, as the JVM sees it; it needs room for the heap (default /tmp)")
	fs.IntVar(&tries, "tries", 3, "how often to try for a dump without a collection beside it")
	in = inputFlags(fs)
	for _, unused := range []string{"map", "partial"} {
		if err := fs.MarkHidden(unused); err != nil {
			panic(err) // a flag of that name is missing: a mistake in this file
		}
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := in.check(); err != nil {
			return err
		}
		if tries < 1 {
			return cli.Usagef("--tries %d: want 1 or more", tries)
		}
		pid, _ := strconv.Atoi(args[0]) // onePID has seen it
		if output == "" {
			output = fmt.Sprintf("heap-%d.hds", pid)
		}
		return snap(c.Context(), s, pid, output, heapdiff.SnapOptions{Options: in.Options, Dir: dir, Tries: tries})
	}
	return c
}

func onePID(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return cli.Usagef("wants the PID of one process")
	}
	if n, err := strconv.Atoi(args[0]); err != nil || n < 1 {
		return cli.Usagef("%s is not the PID of a process", args[0])
	}
	return nil
}

func snap(ctx context.Context, s cli.Streams, pid int, output string, o heapdiff.SnapOptions) error {
	switch ext := filepath.Ext(output); ext {
	case ".hds":
		o.Shallow = false
	case ".hprof":
		o.Keep, o.Shallow = output, true // only the map has to be checked
	default:
		return cli.Usagef("--output %s: want a name that ends in .hds or .hprof", output)
	}
	p := newProgress(s.Err)
	defer p.clear()
	o.Progress = p.update
	snapshot, err := heapdiff.Snap(ctx, pid, o)
	if err != nil {
		return err
	}
	if o.Keep == "" {
		if err := cli.WriteFile(output, func(w io.Writer) error { return heapdiff.WriteSummary(w, snapshot) }); err != nil {
			return err
		}
	}
	p.clear()
	fmt.Fprintf(s.Out, "%s: %d objects, %d bytes, generations %s\n", output, snapshot.Objects, snapshot.Bytes, snapshot.Generations)
	if len(snapshot.Warnings) > 0 {
		fmt.Fprintf(s.Out, "  %s\n", strings.Join(snapshot.Warnings, "\n  "))
	}
	return nil
}
