//go:build amd64 || arm64

package syscalls

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/clewhq/clew/ebpfprobe/internal/sysname"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// Tracer times system calls. Its methods may be called from several goroutines.
type Tracer struct {
	objects bpfObjects
	links   []link.Link
	price   time.Duration

	once   sync.Once
	closed error
}

// Open attaches to the kernel; it takes CAP_BPF and CAP_PERFMON. The processes are
// those of the maps pids and servers of server.h, which another tier has filled,
// and in which it finds the sums of its event loop's time. Where they are nil the
// Tracer has its own, for [Tracer.Watch]. The caller must Close.
func Open(pids, servers *ebpf.Map) (*Tracer, error) {
	var opts ebpf.CollectionOptions
	if pids != nil && servers != nil {
		opts.MapReplacements = map[string]*ebpf.Map{bpfMapPids: pids, bpfMapServers: servers}
	}
	t := new(Tracer)
	if err := loadBpfObjects(&t.objects, &opts); err != nil {
		return nil, fmt.Errorf("load the programs that time system calls: %w", err)
	}
	before := ownCall()
	// The one that ends a call first: an entry without an end would be a call in progress for ever.
	for _, p := range []*ebpf.Program{t.objects.SyscallExit, t.objects.SyscallEnter} {
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attach %v: %w", p, err), t.release())
		}
		t.links = append(t.links, l)
	}
	t.price = max(0, ownCall()-before)
	return t, nil
}

// ownCall returns how long a short system call takes this process, which is not
// observed: the best of several rounds, as whatever else the machine does only
// makes it longer.
func ownCall() time.Duration {
	const rounds, calls = 20, 500
	best := time.Duration(1<<63 - 1)
	for range rounds {
		start := time.Now()
		for range calls {
			unix.Getppid()
		}
		best = min(best, time.Since(start)/calls)
	}
	return best
}

// Price is by how much the Tracer lengthens each system call of every process of
// the host that it does not observe, as measured when it was attached.
func (t *Tracer) Price() time.Duration { return t.price }

// Watch begins to time the calls of a process and puts them in the given place, from
// 0 to 63. pid is as the initial pid namespace numbers it. It is for a Tracer that has
// its own maps.
func (t *Tracer) Watch(pid, place int) error {
	s := bpfServer{Tgid: uint32(pid)}
	if err := t.objects.Servers.Update(uint32(place), &s, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("watch process %d: place %d: %w", pid, place, err)
	}
	if err := t.objects.Pids.Update(uint32(pid), uint32(place), ebpf.UpdateAny); err != nil {
		return fmt.Errorf("watch process %d: %w", pid, err)
	}
	return nil
}

// Table returns the calls of the process in a place so far, the one with the most
// time first.
func (t *Tracer) Table(place int) ([]report.Syscall, error) {
	var calls []report.Syscall
	index := map[uint16]int{}
	var key bpfCall
	var h bpfHistogram
	times := t.objects.Times.Iterate()
	for times.Next(&key, &h) {
		if key.At == uint32(place) {
			c := report.Syscall{Name: sysname.Call(int(key.Nr))}
			c.Time.AddCounts(h.Buckets[:], h.Sum, h.Max)
			c.Calls = c.Time.Count
			index[key.Nr] = len(calls)
			calls = append(calls, c)
		}
	}
	if err := times.Err(); err != nil {
		return nil, fmt.Errorf("read the times of system calls: %w", err)
	}
	var n uint64
	errs := t.objects.Errors.Iterate()
	for errs.Next(&key, &n) {
		i, ok := index[key.Nr]
		if key.At != uint32(place) || !ok {
			continue
		}
		if calls[i].Errnos == nil {
			calls[i].Errnos = map[string]uint64{}
		}
		calls[i].Errnos[sysname.Error(int(key.Error))] += n
		calls[i].Errors += n
	}
	if err := errs.Err(); err != nil {
		return nil, fmt.Errorf("read the errors of system calls: %w", err)
	}
	slices.SortFunc(calls, func(a, b report.Syscall) int {
		return cmp.Or(cmp.Compare(b.Time.Sum, a.Time.Sum), cmp.Compare(a.Name, b.Name))
	})
	return calls, nil
}

// Lost returns how many calls found no room in the kernel's tables.
func (t *Tracer) Lost() (uint64, error) {
	var n uint64
	if err := t.objects.Lost.Get(&n); err != nil {
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
	return errors.Join(append(errs, t.objects.Close())...)
}
