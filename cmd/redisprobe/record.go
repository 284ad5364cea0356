package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/record"
	"github.com/clewhq/clew/internal/cli"
)

func recordCommand(b backend) *cobra.Command {
	c := &cobra.Command{
		Use:   "record",
		Short: "Observe into a file, to be replayed anywhere",
		Long: `record writes what it observes to a file, interval by interval. 'redisprobe
replay' reads it on any system, without privileges, and makes every output of it.
What is in the file when the recorder is killed stays readable.

Without -d it records until SIGINT. Arguments are not recorded unless asked for
by --arguments.`,
		Example: `  redisprobe record --port 6379 -d 10m -o incident.rec
  redisprobe replay -o incident.html incident.rec`,
		Args: cli.NoArgs,
	}
	t := targetFlags(c.Flags())
	limit := cli.Duration(c.Flags(), "observe for this `time` (default: until SIGINT)")
	every := cli.Every(c.Flags(), time.Second, "`time` of an interval")
	path := c.Flags().StringP("output", "o", "", "write to this `file`")
	force := c.Flags().Bool("force", false, "write over a file that is there")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := t.config()
		if err != nil {
			return err
		}
		if *path == "" {
			return cli.Usagef("wants -o FILE: where to record")
		}
		cfg.Log = cli.Logger(c)
		done, err := recordTo(c.Context(), b, cfg, *path, *force, *every, *limit)
		if done.intervals > 0 {
			cfg.Log.Info("recorded", "file", *path, "intervals", done.intervals, "requests", done.requests)
		}
		return err
	}
	return c
}

// recorded is what a recording has got so far.
type recorded struct {
	intervals int
	requests  uint64
}

func recordTo(ctx context.Context, b backend, cfg ebpfprobe.Config, path string, force bool, every, limit time.Duration) (done recorded, err error) {
	if !force && isThere(path) {
		return done, errThere(path)
	}
	p, err := start(ctx, b, cfg, limit)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	f, err := create(path, force)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	build := cli.ReadBuild("redisprobe")
	w, err := record.NewWriter(f, record.Header{Program: build.Program + " " + build.Version, Start: time.Now(), Every: every})
	if err != nil {
		return done, fmt.Errorf("record: %w", err)
	}
	_, err = watch(ctx, p, every, limit, func(part *report.Report) error {
		if err := w.Write(part); err != nil {
			return fmt.Errorf("record: %w; the %d intervals before can be replayed", err, done.intervals)
		}
		done.intervals++
		for i := range part.Servers {
			done.requests += part.Servers[i].Requests()
		}
		return nil
	})
	if err != nil {
		return done, err
	}
	if err := w.Close(); err != nil {
		return done, fmt.Errorf("record: %w", err)
	}
	if err := f.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !isPipe(f) {
		return done, fmt.Errorf("record: %w", err)
	}
	return done, nil
}

func create(path string, force bool) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if info, err := os.Stat(path); !force && (err != nil || info.Mode().IsRegular()) {
		flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL // it may have come meanwhile
	}
	// Whoever may read it learns who talks to the server, and by --arguments more.
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, errThere(path)
	}
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return f, nil
}

// isThere reports whether a recording would write over a file.
func isThere(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func errThere(path string) error {
	return fmt.Errorf("record: %s is there already; name another file, or write over it by --force", path)
}

// isPipe says whether f is something that has no disk to be synced to.
func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && !info.Mode().IsRegular()
}

// open opens a recording; - is standard input.
func open(s cli.Streams, path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(s.In), nil
	}
	return os.Open(path)
}
