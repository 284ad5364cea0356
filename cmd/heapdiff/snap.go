package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/heapdiff"
	"github.com/clewhq/clew/internal/cli"
)

func snapCommand(s cli.Streams) *cobra.Command {
	var in *inputs
	var output, dir string
	var tries int
	c := &cobra.Command{
		Use:   "snap [flags] PID|URL",
		Short: "Take a snapshot of a running JVM, or several of a Go process",
		Long: `snap asks a running HotSpot JVM for the map of its generations, for a dump with
the garbage in it, and for the map again, over the JVM's own attach socket; no JDK
is needed. The JVM stands still while it writes the dump. If a collection ran in
between, the dump is taken again just after the next one, and in the end refused.

The result is a summary (NAME.hds, the default), or the dump itself (NAME.hprof)
with its map beside it (NAME.map.txt), where the other verbs find it.

A Go process is named by the URL of its net/http/pprof, or by its PID if it serves
that on a port of its own. It is watched for a while:
each of --profiles heap profiles is taken after another garbage collection, at
least --every apart, and written as NAME-1.hds, NAME-2.hds and so on. The process
is neither stopped nor made to collect. Leaked goroutines are told where the
runtime knows them.`,
		Example: `  heapdiff snap 4711 -o monday.hds
  heapdiff snap 4711 -o monday.hprof && heapdiff show --gen old monday.hprof
  heapdiff snap http://127.0.0.1:6060 --every 5m -o shop.hds && heapdiff shop-*.hds`,
		Args: onePIDOrURL,
	}
	fs := c.Flags()
	fs.StringVarP(&output, "output", "o", "", "write to this `file`, .hds or .hprof (default heap-PID.hds)")
	fs.StringVar(&dir, "dump-dir", "", "`directory` that the JVM writes its dump to, as the JVM sees it; it needs room for the heap (default /tmp)")
	fs.IntVar(&tries, "tries", 0, "how often to try for a dump without a collection beside it (default as often as goes into 15s, 3 times at least)")
	profiles := fs.Int("profiles", 8, "of a Go process: how many profiles to take, a `number`")
	every := cli.Every(fs, 30*time.Second, "of a Go process: from one profile to the next")
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
		if tries < 0 || tries == 0 && fs.Changed("tries") {
			return cli.Usagef("--tries %d: want 1 or more", tries)
		}
		if isTarget(args[0]) {
			return snapGo(c.Context(), s, args[0], output, heapdiff.SnapGoOptions{Profiles: *profiles, Every: *every})
		}
		pid, _ := strconv.Atoi(strings.TrimPrefix(args[0], "pid:")) // onePIDOrURL has seen it
		url, err := heapdiff.GoEndpoint(c.Context(), pid)
		if err == nil {
			return snapGo(c.Context(), s, url, output, heapdiff.SnapGoOptions{Profiles: *profiles, Every: *every})
		}
		if !errors.Is(err, heapdiff.ErrNotGo) {
			return err
		}
		if output == "" {
			output = fmt.Sprintf("heap-%d.hds", pid)
		}
		return snap(c.Context(), s, pid, output, heapdiff.SnapOptions{Options: in.Options, Dir: dir, Tries: tries})
	}
	return c
}

func onePIDOrURL(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return cli.Usagef("wants the PID of one process, or the URL of one")
	}
	if isTarget(args[0]) {
		return nil
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(args[0], "pid:")); err != nil || n < 1 {
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
