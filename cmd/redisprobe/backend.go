package main

import (
	"context"
	"time"

	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// backend is where observations come from: the kernel, or a test.
type backend interface {
	Start(ctx context.Context, cfg ebpfprobe.Config) (probe, error)
	Check(ctx context.Context) ([]report.Tier, error)
}

// probe is an observation under way.
type probe interface {
	Report() (*report.Report, error) // cumulative
	Close() error
}

// kernel is the backend of everybody but the tests.
type kernel struct{}

func (kernel) Start(ctx context.Context, cfg ebpfprobe.Config) (probe, error) {
	return ebpfprobe.Start(ctx, cfg)
}

func (kernel) Check(ctx context.Context) ([]report.Tier, error) { return ebpfprobe.Check(ctx) }

// watch calls each with what p has seen in every interval, and with the rest when
// limit is over or ctx is done; a limit of 0 is none. An error of each ends it. It
// returns the last reading, of the whole time.
func watch(ctx context.Context, p probe, every, limit time.Duration, each func(part *report.Report) error) (*report.Report, error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var over <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	var before *report.Report
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-over:
			last = true
		case <-ctx.Done():
			last = true
		}
		now, err := p.Report()
		if err != nil {
			return nil, err
		}
		if err := each(now.Since(before)); err != nil {
			return nil, err
		}
		before = now
	}
	return before, nil
}
