//go:build amd64 || arm64

package deep

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/clewhq/clew/ebpfprobe/internal/need"
	"github.com/clewhq/clew/ebpfprobe/report"
)

// Price is what the tier costs, in words for the user, as BenchmarkDeep of package
// ebpfprobe measures it. Under TLS the kernel has to step over an instruction of
// OpenSSL's twice, which on a virtual machine may be most of the price.
const Price = "2 to 3 µs for each command of the servers, also in pipelines, and up to 30 µs more for each read under TLS; others pay nothing"

const doing = "time the commands inside a server"

// Tracer times commands. Its methods may be called from several goroutines.
type Tracer struct {
	objects bpfObjects

	mu     sync.Mutex
	links  map[int][]link.Link // by place
	looks  map[int]link.Link   // of the slow log, until it has told where arguments are
	closed bool
}

// Open loads the programs; it takes CAP_BPF and CAP_PERFMON. The processes are
// those of the maps pids and servers of server.h, which another tier has filled. The
// caller must Close.
func Open(pids, servers *ebpf.Map) (*Tracer, error) {
	return open(ebpf.CollectionOptions{MapReplacements: map[string]*ebpf.Map{bpfMapPids: pids, bpfMapServers: servers}})
}

func open(opts ebpf.CollectionOptions) (*Tracer, error) {
	t := &Tracer{links: map[int][]link.Link{}, looks: map[int]link.Link{}}
	if err := loadBpfObjects(&t.objects, &opts); err != nil {
		return nil, fmt.Errorf("load the programs that time commands: %w", err)
	}
	return t, nil
}

// Check tries whether a program may be attached to a function of another one, by an
// address of this program's own that is not reached any more: its entry. The error
// is as Attach's.
func Check() error {
	t, err := open(ebpf.CollectionOptions{})
	if err != nil {
		return err
	}
	return errors.Join(t.tryEntry(), t.Close())
}

func (t *Tracer) tryEntry() error {
	const self = "/proc/self/exe"
	offset, err := entryOffset(self)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	exe, err := link.OpenExecutable(self)
	if err != nil {
		return refused(err)
	}
	l, err := exe.Uprobe("entry", t.objects.DeepCall, &link.UprobeOptions{Address: offset})
	if err != nil {
		return refused(err)
	}
	return l.Close()
}

// entryOffset returns where in a program's file its first instruction is.
func entryOffset(path string) (uint64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	f, err := elf.NewFile(file)
	if err != nil {
		return 0, err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && f.Entry >= p.Vaddr && f.Entry-p.Vaddr < p.Filesz {
			return f.Entry - p.Vaddr + p.Off, nil
		}
	}
	return 0, errors.New("the program has no entry")
}

// Attach begins to time the commands of a process, which is in the given place,
// instead of the one that was there before. It takes CAP_SYS_ADMIN. The error is a
// [need.Error] if that is missing, or the program has no function that runs
// commands.
func (t *Tracer) Attach(pid, place int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errors.New("attach to a server: already closed")
	}
	if err := t.detach(place); err != nil {
		return err
	}
	if err := t.objects.Argvs.Update(uint32(place), &bpfArgv{}, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("%s: place %d: %w", doing, place, err)
	}
	exe, err := link.OpenExecutable("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return refused(err)
	}
	opts := &link.UprobeOptions{PID: pid}
	if err := t.attach(exe, opts, place); err != nil {
		return errors.Join(refused(err), t.detach(place))
	}
	return nil
}

// attach has the end of call() before its beginning: the other way about, a
// beginning might be left without an end.
func (t *Tracer) attach(exe *link.Executable, opts *link.UprobeOptions, place int) error {
	end, err := exe.Uretprobe("call", t.objects.DeepReturned, opts)
	if err != nil {
		return err
	}
	t.links[place] = append(t.links[place], end)
	if t.looks[place], err = exe.Uprobe("slowlogPushEntryIfNeeded", t.objects.DeepSlowlog, opts); err != nil {
		delete(t.looks, place)
		return err
	}
	begin, err := exe.Uprobe("call", t.objects.DeepCall, opts)
	if err != nil {
		return err
	}
	t.links[place] = append(t.links[place], begin)
	return nil
}

// settle ends the watching of the slow log, which costs a microsecond a command, when
// it has told where a client's arguments are.
func (t *Tracer) settle(place int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	look := t.looks[place]
	var argv bpfArgv
	if look == nil || t.objects.Argvs.Lookup(uint32(place), &argv) != nil || argv.Sure == 0 {
		return nil
	}
	delete(t.looks, place)
	return look.Close()
}

// refused says what an attachment takes.
func refused(err error) error {
	switch {
	case errors.Is(err, link.ErrNoSymbol):
		return &need.Error{
			Doing: doing, What: "a server that exports call() and slowlogPushEntryIfNeeded()", Err: err,
			Mend: "use Redis, or Valkey before 8.1, linked with -rdynamic as it is by default",
		}
	case errors.Is(err, fs.ErrPermission):
		return &need.Error{Doing: doing, What: "CAP_SYS_ADMIN", Mend: "run as root", Privilege: true, Err: err}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// Table returns the times of the commands of the process in a place so far, by
// their names in capitals.
func (t *Tracer) Table(place int) (map[string]*report.Durations, error) {
	if err := t.settle(place); err != nil {
		return nil, err
	}
	table := map[string]*report.Durations{}
	var key bpfCommand
	var h bpfHistogram
	times := t.objects.Times.Iterate()
	for times.Next(&key, &h) {
		if key.At != uint32(place) {
			continue
		}
		end := bytes.IndexByte(key.Name[:], 0)
		name := strings.ToUpper(string(key.Name[:max(0, end)]))
		if table[name] == nil {
			table[name] = new(report.Durations)
		}
		table[name].AddCounts(h.Buckets[:], h.Sum, h.Max)
	}
	if err := times.Err(); err != nil {
		return nil, fmt.Errorf("read the times of commands: %w", err)
	}
	return table, nil
}

// Lost returns how many commands were not timed: the tables were full, they were
// too deep in one another, or their names could not be found out.
func (t *Tracer) Lost() (uint64, error) {
	var n uint64
	if err := t.objects.Lost.Get(&n); err != nil {
		return 0, fmt.Errorf("read what was lost: %w", err)
	}
	return n, nil
}

// Close detaches everything. Closing twice is no error.
func (t *Tracer) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	var errs []error
	for place := range t.links {
		errs = append(errs, t.detach(place))
	}
	return errors.Join(append(errs, t.objects.Close())...)
}

func (t *Tracer) detach(place int) error {
	var errs []error
	for _, l := range t.links[place] {
		errs = append(errs, l.Close())
	}
	delete(t.links, place)
	if look := t.looks[place]; look != nil {
		errs = append(errs, look.Close())
		delete(t.looks, place)
	}
	return errors.Join(errs...)
}
