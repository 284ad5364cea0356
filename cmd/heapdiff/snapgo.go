package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/internal/cli"
)

// isTarget reports whether what is to be snapped is named by a URL or HOST:PORT.
func isTarget(arg string) bool {
	return strings.Contains(arg, ":") && !strings.HasPrefix(arg, "pid:")
}

// snapGo watches a Go process and writes each profile as soon as it is there, so
// that a signal or a process that ends loses none.
func snapGo(ctx context.Context, s cli.Streams, target, output string, o heapdiff.SnapGoOptions) error {
	if output == "" {
		output = "heap.hds"
	}
	if filepath.Ext(output) != ".hds" {
		return cli.Usagef("--output %s: profiles of a Go process are written as summaries; want a name that ends in .hds", output)
	}
	if o.Profiles < 1 {
		return cli.Usagef("--profiles %d: want 1 or more", o.Profiles)
	}
	base := strings.TrimSuffix(output, ".hds")
	var failed error
	watching, stop := context.WithCancel(ctx)
	defer stop()
	n := 0
	o.Taken = func(snapshot *heapdiff.Snapshot) {
		n++
		if failed = writeNumbered(s, fmt.Sprintf("%s-%d.hds", base, n), snapshot); failed != nil {
			stop()
		}
	}
	_, err := heapdiff.SnapGo(watching, target, o)
	switch {
	case failed != nil:
		return failed
	case n > 0 && ctx.Err() != nil:
		return nil // what there is has been written
	}
	return err
}

func writeNumbered(s cli.Streams, file string, snapshot *heapdiff.Snapshot) error {
	if err := cli.WriteFile(file, func(w io.Writer) error { return heapdiff.WriteSummary(w, snapshot) }); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%s: %d objects, %d bytes, after %d garbage collections\n",
		file, snapshot.Objects, snapshot.Bytes, snapshot.Sampling.Runtime.NumGC)
	for _, w := range snapshot.Warnings {
		fmt.Fprintf(s.Out, "  %s\n", w)
	}
	return s.Out.Flush()
}
