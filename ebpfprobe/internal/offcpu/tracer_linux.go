//go:build amd64 || arm64

package offcpu

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/clewhq/clew/ebpfprobe/internal/need"
	"github.com/clewhq/clew/ebpfprobe/internal/sysname"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// Config joins a Tracer with other tiers. The zero value is one that stands alone.
type Config struct {
	// Pids and Servers are the maps of server.h, which another tier has filled, and in
	// which it finds the sums of its event loop's time. Where they are nil the Tracer
	// has its own, for [Tracer.Watch].
	Pids, Servers *ebpf.Map
	// SumForks adds the time of forks to those sums. It must not be set where tier
	// syscalls does it.
	SumForks bool
}

// Tracer observes threads. Its methods may be called from several goroutines.
type Tracer struct {
	coll    *ebpf.Collection
	links   []link.Link
	missing []string
	boot    time.Time // when CLOCK_MONOTONIC, which the programs read, was 0

	once   sync.Once
	closed error
}

const doing = "watch threads"

// optional are tracepoints that a kernel may lack, and what they are for.
var optional = map[string]string{
	"percpu_alloc_percpu": "tracepoint percpu_alloc_percpu, for the time of forks",
	"page_fault_user":     "tracepoint page_fault_user, for the pages copied after forks",
	"page_fault_kernel":   "tracepoint page_fault_kernel, for those copied in system calls",
}

// Open attaches to the kernel; it takes CAP_BPF and CAP_PERFMON. The caller must
// Close.
func Open(cfg Config) (*Tracer, error) {
	spec, err := loadBpf()
	if err != nil {
		return nil, err
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return nil, fmt.Errorf("read CLOCK_MONOTONIC: %w", err)
	}
	t := &Tracer{boot: time.Now().Add(-time.Duration(ts.Nano()))}
	t.leaveOut(spec)
	if cfg.SumForks {
		if err := spec.Variables[bpfVarSumForks].Set(uint32(1)); err != nil {
			return nil, fmt.Errorf("prepare the programs that watch threads: %w", err)
		}
	}
	var opts ebpf.CollectionOptions
	if cfg.Pids != nil && cfg.Servers != nil {
		opts.MapReplacements = map[string]*ebpf.Map{bpfMapPids: cfg.Pids, bpfMapServers: cfg.Servers}
	}
	if t.coll, err = ebpf.NewCollectionWithOptions(spec, opts); err != nil {
		return nil, fmt.Errorf("load the programs that watch threads: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(t.coll.Programs)) {
		l, err := link.AttachTracing(link.TracingOptions{Program: t.coll.Programs[name]})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attach %s: %w", name, err), t.release())
		}
		t.links = append(t.links, l)
	}
	return t, nil
}

// leaveOut takes the programs out of spec whose tracepoint the kernel lacks.
func (t *Tracer) leaveOut(spec *ebpf.CollectionSpec) {
	for name, p := range spec.Programs {
		what, ok := optional[p.AttachTo]
		if !ok || need.Tracepoint(doing, p.AttachTo, "") == nil {
			continue
		}
		delete(spec.Programs, name)
		t.missing = append(t.missing, what)
	}
	slices.Sort(t.missing)
}

// Degraded says what this kernel does not let the Tracer measure, as a [need.Error];
// usually it is nil.
func (t *Tracer) Degraded() error {
	if len(t.missing) == 0 {
		return nil
	}
	return &need.Error{Doing: doing, What: strings.Join(t.missing, ", "), Mend: "the rest is measured"}
}

// Watch begins to observe a process and puts it in the given place, from 0 to 63.
// pid is as the initial pid namespace numbers it. It is for a Tracer that has its own
// maps.
func (t *Tracer) Watch(pid, place int) error {
	s := bpfServer{Tgid: uint32(pid)}
	if err := t.coll.Maps[bpfMapServers].Update(uint32(place), &s, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("watch process %d: place %d: %w", pid, place, err)
	}
	if err := t.coll.Maps[bpfMapPids].Update(uint32(pid), uint32(place), ebpf.UpdateAny); err != nil {
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	return nil
}

// Threads returns when the threads of the process in a place did not run; the
// reason with the most time is first.
func (t *Tracer) Threads(place int) (*report.OffCPU, error) {
	var off report.OffCPU
	var key bpfWhy
	var h bpfHistogram
	times := t.coll.Maps[bpfMapTimes].Iterate()
	for times.Next(&key, &h) {
		if key.At != uint32(place) {
			continue
		}
		if key.Reason == bpfReasonRUN_QUEUE {
			off.RunQueue.AddCounts(h.Buckets[:], h.Sum, h.Max)
			continue
		}
		r := report.Reason{Name: "page fault"}
		if key.Reason != bpfReasonNOT_IN_CALL {
			r.Name = sysname.Call(int(key.Reason))
		}
		r.Time.AddCounts(h.Buckets[:], h.Sum, h.Max)
		off.Reasons = append(off.Reasons, r)
	}
	if err := times.Err(); err != nil {
		return nil, fmt.Errorf("read the times off the CPU: %w", err)
	}
	slices.SortFunc(off.Reasons, func(a, b report.Reason) int {
		return cmp.Or(cmp.Compare(b.Time.Sum, a.Time.Sum), cmp.Compare(a.Name, b.Name))
	})
	return &off, nil
}

// Forks returns the latest forks of the process in a place, oldest first. The life
// of a child that has not ended is 0.
func (t *Tracer) Forks(place int) ([]report.Fork, error) {
	var forks []report.Fork
	var pid uint32
	var f bpfFork
	all := t.coll.Maps[bpfMapForks].Iterate()
	for all.Next(&pid, &f) {
		if f.At != uint32(place) {
			continue
		}
		r := report.Fork{
			At: t.boot.Add(time.Duration(f.Began)), ChildPID: int(pid),
			StallNS: f.Stall, CopyFaults: f.Copies,
		}
		if f.Ended > f.Began {
			r.ChildLifeNS = f.Ended - f.Began
		}
		forks = append(forks, r)
	}
	if err := all.Err(); err != nil {
		return nil, fmt.Errorf("read the forks: %w", err)
	}
	slices.SortFunc(forks, func(a, b report.Fork) int { return a.At.Compare(b.At) })
	return forks, nil
}

// Lost returns how many times and forks found no room in the kernel's tables.
func (t *Tracer) Lost() (uint64, error) {
	var n uint64
	if err := t.coll.Variables[bpfVarLost].Get(&n); err != nil {
		return 0, fmt.Errorf("read what was lost: %w", err)
	}
	return n, nil
}

// Close detaches everything. Closing twice is no error.
func (t *Tracer) Close() error {
	t.once.Do(func() { t.closed = t.release() })
	return t.closed
}

func (t *Tracer) release() error {
	var errs []error
	for _, l := range t.links {
		errs = append(errs, l.Close())
	}
	t.coll.Close()
	return errors.Join(errs...)
}
