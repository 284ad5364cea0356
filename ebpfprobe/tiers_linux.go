package ebpfprobe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/clewhq/clew/ebpfprobe/internal/deep"
	"github.com/clewhq/clew/ebpfprobe/internal/discover"
	"github.com/clewhq/clew/ebpfprobe/internal/golabels"
	"github.com/clewhq/clew/ebpfprobe/internal/lean"
	"github.com/clewhq/clew/ebpfprobe/internal/need"
	"github.com/clewhq/clew/ebpfprobe/internal/offcpu"
	"github.com/clewhq/clew/ebpfprobe/internal/syscalls"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// holdFrom is the shortest hold of the event loop that is looked at by itself.
const holdFrom = time.Millisecond

// tiers are the ways of measuring that are on; nil ones are not.
type tiers struct {
	lean     *lean.Tier
	syscalls *syscalls.Tracer
	offcpu   *offcpu.Tracer
	golabels *golabels.Tracer
	deep     *deep.Tracer

	states []report.Tier
}

// The figures are from the benchmarks Cost and Deep of this package, and Price of packages
// offcpu and golabels.
var descriptions = map[string]report.Tier{
	"lean": {
		Name: "lean", Does: "wait and service of each command, who held the event loop",
		Costs: "about 1 µs a command on both ends of a loopback connection; 0.1 µs a system call on sockets of others",
	},
	"syscalls": {Name: "syscalls", Does: "each system call, and the parts of the service time"},
	"offcpu": {
		Name: "offcpu", Does: "waiting for a CPU, sleeping in the kernel, forks and the pages copied for them",
		Costs: "about 0.2 µs at each switch of every thread of the host, 0.1 µs at each waking and at each page fault",
	},
	"deep": {
		Name: "deep", Does: "each command by itself, in pipelines, transactions, scripts and under TLS", Costs: deep.Price,
	},
	"traceids": {
		Name: "traceids", Does: "which trace of a Go client sent a slow command",
		Costs: "about 3 µs a write to a server, on Go clients of this host",
	},
}

func (t *tiers) state(name string, state report.TierState, err error) {
	s := descriptions[name]
	s.State = state
	if n := (*need.Error)(nil); errors.As(err, &n) {
		s.Missing, s.Mend = n.What, n.Mend
	} else if err != nil {
		s.Missing = err.Error()
	}
	t.states = append(t.states, s)
}

// open attaches the tiers that cfg asks for. Where the kernel lacks what the lean
// tier stands on, the tier of system calls does what it can alone.
func (t *tiers) open(cfg Config) error {
	if e := need.Kernel("observe servers"); e != nil {
		return e
	}
	if cfg.SyscallsOnly {
		return t.openSyscallsOnly()
	}
	var err error
	t.lean, err = lean.Open(lean.Config{
		Slow: cfg.SlowThreshold, Hold: min(holdFrom, cfg.SlowThreshold), SampleEvery: cfg.SampleEvery,
		Text: cfg.ShowArguments, Seq: cfg.TraceIDs, ByClient: cfg.ByClient, ByPrefix: cfg.ByPrefix,
		Shares: cfg.Syscalls || cfg.OffCPU, TLS: cfg.Deep, Without: withoutTracepoints,
	})
	switch {
	case err != nil && !errors.Is(err, errors.ErrUnsupported):
		return err
	case err != nil:
		if e := need.Kernel("observe a server"); e != nil { // no tier would see anything
			return e
		}
		t.state("lean", report.TierMissing, err)
		return t.openSyscallsOnly()
	case t.lean.Degraded != nil:
		t.state("lean", report.TierDegraded, t.lean.Degraded)
	default:
		t.state("lean", report.TierOn, nil)
	}
	t.openFurther(cfg)
	return nil
}

// withoutTracepoints are taken to be missing; tests set it.
var withoutTracepoints []string

func (t *tiers) openSyscallsOnly() (err error) {
	if t.syscalls, err = openSyscalls(nil); err != nil {
		return errors.Join(need.Refused("time system calls", err), t.close())
	}
	t.state("syscalls", report.TierOn, nil)
	return nil
}

func openSyscalls(l *lean.Tier) (*syscalls.Tracer, error) {
	if l == nil {
		return syscalls.Open(nil, nil)
	}
	return syscalls.Open(l.Maps())
}

// openFurther attaches the tiers beside lean. One that cannot work says so in its
// state.
func (t *tiers) openFurther(cfg Config) {
	var err error
	if cfg.Syscalls {
		if t.syscalls, err = openSyscalls(t.lean); err != nil {
			t.state("syscalls", report.TierMissing, need.Refused("time system calls", err))
		} else {
			t.state("syscalls", report.TierOn, nil)
			t.statePrice(t.syscalls)
		}
	}
	if cfg.OffCPU {
		if t.offcpu, err = t.openOffCPU(); err != nil {
			t.state("offcpu", report.TierMissing, need.Refused("watch threads", err))
		} else {
			t.offcpuState(report.TierOn)
		}
	}
	if cfg.Deep {
		if t.deep, err = deep.Open(t.lean.Maps()); err != nil {
			t.state("deep", report.TierMissing, need.Refused("time the commands inside a server", err))
		} else {
			t.state("deep", report.TierOn, nil)
		}
	}
	if cfg.TraceIDs {
		if t.golabels, err = golabels.Open(); err != nil {
			t.state("traceids", report.TierMissing, need.Refused("read the labels of goroutines", err))
		} else {
			t.state("traceids", report.TierOn, nil)
		}
	}
}

// statePrice puts what the tier of system calls costs, as it was measured here, into the
// latest state.
func (t *tiers) statePrice(s *syscalls.Tracer) {
	t.states[len(t.states)-1].Costs = fmt.Sprintf("%v more for each system call of every process of the host", s.Price())
}

// attachDeep attaches to a server's program, which may be one that it can't read. It
// returns why commands under TLS have no name there, if there are any.
func (t *tiers) attachDeep(at, pid int) (noTLS error) {
	noTLS = t.lean.WatchTLS(uint32(at), pid)
	err := t.deep.Attach(pid, at)
	t.states = slices.DeleteFunc(t.states, func(s report.Tier) bool { return s.Name == "deep" })
	switch {
	case err == nil:
		t.state("deep", report.TierOn, nil)
	case noTLS == nil:
		t.state("deep", report.TierDegraded, err)
	default:
		t.state("deep", report.TierMissing, err)
	}
	return noTLS
}

// openOffCPU has forks summed by one tier only.
func (t *tiers) openOffCPU() (*offcpu.Tracer, error) {
	cfg := offcpu.Config{SumForks: t.syscalls == nil}
	if t.lean != nil {
		cfg.Pids, cfg.Servers = t.lean.Maps()
	}
	return offcpu.Open(cfg)
}

// offcpuState says how the tier fares, of which a kernel may let measure a part.
func (t *tiers) offcpuState(whole report.TierState) {
	if err := t.offcpu.Degraded(); err != nil {
		t.state("offcpu", report.TierDegraded, err)
		return
	}
	t.state("offcpu", whole, nil)
}

// observe puts a server in a place of every tier. noTLS is as attachDeep's.
func (t *tiers) observe(at int, s discover.Server) (noTLS, err error) {
	if t.lean == nil {
		return nil, t.syscalls.Watch(s.PID, at)
	}
	if t.golabels != nil {
		for _, port := range s.Ports {
			if err := t.golabels.Watch(port); err != nil {
				return nil, err
			}
		}
	}
	if err := t.lean.SetServer(uint32(at), lean.Identity{PID: s.PID, NetNS: s.NetNS, Ports: s.Ports}); err != nil {
		return nil, err
	}
	if t.deep != nil {
		noTLS = t.attachDeep(at, s.PID)
	}
	return noTLS, nil
}

// detach ends the observation; what was counted by lean can be read on.
func (t *tiers) detach() error {
	if t.lean == nil {
		return nil
	}
	return t.lean.Detach()
}

func (t *tiers) close() error {
	var errs []error
	if t.syscalls != nil {
		errs = append(errs, t.syscalls.Close())
	}
	if t.offcpu != nil {
		errs = append(errs, t.offcpu.Close())
	}
	if t.deep != nil {
		errs = append(errs, t.deep.Close())
	}
	if t.golabels != nil {
		errs = append(errs, t.golabels.Close())
	}
	if t.lean != nil {
		errs = append(errs, t.lean.Close())
	}
	return errors.Join(errs...)
}

// checkTiers opens each tier by itself and closes it again. One that opens with an
// error does a part of its work.
func checkTiers(ctx context.Context) ([]report.Tier, error) {
	var t tiers
	try := func(name string, open func() (func() error, error)) {
		if ctx.Err() != nil {
			return
		}
		if e := need.Kernel("observe a server"); e != nil {
			t.state(name, report.TierMissing, e)
			return
		}
		undo, err := open()
		state := report.TierReady
		if err != nil {
			state = report.TierDegraded
		}
		if undo == nil {
			state = report.TierMissing
		} else if failed := undo(); failed != nil {
			state, err = report.TierMissing, failed
		}
		t.state(name, state, err)
	}
	try("lean", func() (func() error, error) {
		l, err := lean.Open(lean.Config{Slow: DefaultSlowThreshold, Hold: holdFrom, Without: withoutTracepoints})
		if err != nil {
			return nil, err
		}
		return l.Close, nil
	})
	var timed *syscalls.Tracer
	try("syscalls", func() (func() error, error) {
		s, err := openSyscalls(nil)
		if err != nil {
			return nil, need.Refused("time system calls", err)
		}
		timed = s
		return s.Close, nil
	})
	if timed != nil {
		t.statePrice(timed)
	}
	try("offcpu", func() (func() error, error) {
		o, err := t.openOffCPU()
		if err != nil {
			return nil, need.Refused("watch threads", err)
		}
		return o.Close, o.Degraded()
	})
	try("deep", func() (func() error, error) { return deep.Check, nil })
	try("traceids", func() (func() error, error) {
		g, err := golabels.Open()
		if err != nil {
			return nil, need.Refused("read the labels of goroutines", err)
		}
		return g.Close, nil
	})
	return t.states, ctx.Err()
}
