package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/record"
	"github.com/clewhq/clew/internal/cli"
)

func replayCommand(s cli.Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "replay [flags] FILE",
		Short: "Report what a recording holds",
		Long: `replay reads a recording, on any system and without privileges, and reports as
'redisprobe report' would have. --from and --to choose a part of its time.

A recording that was cut off is good up to there, and replay says where. One that
is damaged is refused, with the place of the damage; --partial uses what comes
before it. A file - is standard input.`,
		Example: `  redisprobe replay incident.rec
  redisprobe replay --from 1m30s --to 2m -o incident.html incident.rec`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Usagef("wants one recording, got %d", len(args))
			}
			return nil
		},
	}
	var p playback
	c.Flags().BoolVar(&p.partial, "partial", false, "use what comes before a damage")
	from := cli.DurationVar(c.Flags(), "from", "", 0, "begin this `time` after the start of the recording")
	to := cli.DurationVar(c.Flags(), "to", "", 0, "end this `time` after the start of the recording")
	r := renderFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		p.from, p.to, p.log = *from, *to, cli.Logger(c)
		if p.to > 0 && p.to <= p.from {
			return cli.Usagef("--to %v is not after --from %v", p.to, p.from)
		}
		total, err := p.sum(s, args[0])
		if err != nil {
			return err
		}
		return r.write(s, total)
	}
	return c
}

// playback says how a recording is read.
type playback struct {
	from, to time.Duration
	partial  bool
	log      *slog.Logger
}

// sum adds up the intervals of a recording.
func (p *playback) sum(s cli.Streams, path string) (*report.Report, error) {
	var total report.Report
	err := p.each(s, path, func(part *report.Report) error {
		total.Append(part)
		return nil
	})
	if err == nil && total.SchemaVersion == 0 {
		err = fmt.Errorf("%s: no interval in the chosen time", path)
	}
	return &total, err
}

// each calls f with the chosen intervals of a recording.
func (p *playback) each(s cli.Streams, path string, f func(*report.Report) error) error {
	file, err := open(s, path)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := record.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	h := r.Header()
	p.log.Debug("recording", "file", path, "program", h.Program, "start", h.Start, "every", h.Every)
	var first time.Time
	for n := 0; ; n++ {
		part, err := r.Next()
		if err != nil {
			return p.ended(path, n, err)
		}
		if n == 0 {
			first = part.Start
		}
		at := part.Start.Sub(first)
		if at+time.Duration(part.DurationSeconds*float64(time.Second)) <= p.from || p.to > 0 && at >= p.to {
			continue
		}
		if err := f(part); err != nil {
			return err
		}
	}
}

// ended says whether a recording that has ended by err after n intervals is good.
func (p *playback) ended(path string, n int, err error) error {
	var damage *record.DamageError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &damage) && (damage.Truncated || p.partial) && n > 0:
		p.log.Warn("the recording is not whole: what follows is of the intervals before", "file", path, "intervals", n, "damage", damage)
		return nil
	case errors.As(err, &damage) && n > 0:
		return fmt.Errorf("%s: %w; --partial uses the %d intervals before it", path, err, n)
	}
	return fmt.Errorf("%s: %w", path, err)
}
