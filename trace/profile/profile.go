package profile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
)

// Profiler sends profiles until it is stopped. Its methods are safe for concurrent use.
type Profiler struct {
	cfg       Config
	collector *collector
	delivery  *delivery
	mutex     int // the fraction that was set before

	stop sync.Once
	err  error
}

// Start begins to profile. It connects to nothing yet. The error says all that is wrong with cfg, and
// what else kept it from starting; nothing runs then.
func Start(cfg Config) (*Profiler, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	p := &Profiler{cfg: cfg, delivery: newDelivery(cfg)}
	if p.collector, err = startCollector(cfg, p.delivery); err != nil {
		return nil, fmt.Errorf("profile: %w", errors.Join(err, p.delivery.close(context.Background())))
	}
	if cfg.MutexFraction > 0 {
		p.mutex = runtime.SetMutexProfileFraction(cfg.MutexFraction)
	}
	if cfg.BlockRate > 0 {
		runtime.SetBlockProfileRate(cfg.BlockRate)
	}
	return p, nil
}

// Stop ends profiling and sends what has been collected, the window that has just begun included. It
// gives up when ctx is done, and returns an error that counts the profiles not delivered since Start.
// Further calls wait for the first and return what it did.
func (p *Profiler) Stop(ctx context.Context) error {
	p.stop.Do(func() { p.err = p.end(ctx) })
	return p.err
}

func (p *Profiler) end(ctx context.Context) error {
	if p.cfg.MutexFraction > 0 {
		runtime.SetMutexProfileFraction(p.mutex)
	}
	if p.cfg.BlockRate > 0 {
		runtime.SetBlockProfileRate(0)
	}
	p.collector.stop()
	return p.delivery.close(ctx)
}

// Pause ends the CPU profile that runs, sends it, and starts no other until resume is called, so that
// the program can take one with [runtime/pprof.StartCPUProfile]. resume may be called more than once.
func (p *Profiler) Pause() (resume func()) {
	return p.collector.pause()
}

// Stats counts what has become of profiles since Start.
type Stats struct {
	// Delivered counts uploads that the server took.
	Delivered uint64
	// Refused counts uploads that the server turned down for good, Expired those that were tried until
	// RetryFor had passed, Full those for which there was no room.
	Refused, Expired, Full uint64
	// Pending counts uploads that wait or are under way.
	Pending uint64
	// SkippedCPU counts windows without a CPU profile, since somebody else took one or Pause was on.
	SkippedCPU uint64
}

// Stats returns what has been counted so far.
func (p *Profiler) Stats() Stats {
	s := p.delivery.stats()
	s.SkippedCPU = p.collector.skippedCPU()
	return s
}

// logger is slog as pyroscope-go wants it. Its talk on each upload is dropped: it names the URL.
type logger struct{ *slog.Logger }

// Infof implements pyroscope's Logger.
func (logger) Infof(string, ...any) {}

// Debugf implements pyroscope's Logger.
func (logger) Debugf(string, ...any) {}

// Errorf implements pyroscope's Logger.
func (l logger) Errorf(format string, args ...any) {
	l.Error("pyroscope: " + fmt.Sprintf(format, args...))
}
