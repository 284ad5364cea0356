//go:build amd64 || arm64

package golabels

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/clewhq/clew/internal/goproc"
)

// Tracer reads the labels of Go clients. Its methods may be called from several
// goroutines.
type Tracer struct {
	objects bpfObjects
	links   []link.Link
	unknown *ringbuf.Reader
	done    chan struct{} // closed when no process is being looked at any more

	mu      sync.Mutex
	ports   [1024]uint64
	refused map[int]error
	closed  error
	once    sync.Once
}

// Open attaches to the kernel; it takes CAP_BPF and CAP_PERFMON, and CAP_SYS_PTRACE
// to look at the programs of other users. Nothing is read until [Tracer.Watch].
// The caller must Close.
func Open() (*Tracer, error) {
	t := &Tracer{refused: map[int]error{}, done: make(chan struct{})}
	if err := loadBpfObjects(&t.objects, nil); err != nil {
		return nil, fmt.Errorf("load the programs that read goroutines: %w", err)
	}
	if err := t.attach(); err != nil {
		return nil, errors.Join(err, t.release())
	}
	go t.meet()
	return t, nil
}

func (t *Tracer) attach() (err error) {
	if t.unknown, err = ringbuf.NewReader(t.objects.GoUnknown); err != nil {
		return fmt.Errorf("open the ring buffer of processes: %w", err)
	}
	for _, p := range []*ebpf.Program{t.objects.GoExit, t.objects.GoExec, t.objects.GoSend} {
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			return fmt.Errorf("attach %v: %w", p, err)
		}
		t.links = append(t.links, l)
	}
	return nil
}

// Watch begins to read what clients of servers on a TCP port carry.
func (t *Tracer) Watch(port uint16) error { return t.setPort(port, true) }

// Unwatch ends what Watch began.
func (t *Tracer) Unwatch(port uint16) error { return t.setPort(port, false) }

func (t *Tracer) setPort(port uint16, on bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	bit := uint64(1) << (port % 64)
	if on {
		t.ports[port/64] |= bit
	} else {
		t.ports[port/64] &^= bit
	}
	if err := t.objects.GoPorts.Set(t.ports); err != nil {
		return fmt.Errorf("watch port %d: %w", port, err)
	}
	return nil
}

// Writes is the map go_writes of gowrites.h, for a program in the kernel that looks
// up what its server receives. It belongs to the Tracer.
func (t *Tracer) Writes() *ebpf.Map { return t.objects.GoWrites }

// Lookup returns the write that sent the byte with TCP's number seq, if that was
// the first byte of a write, or is in the connection's last long one. The
// newest 65,536 writes are remembered.
func (t *Tracer) Lookup(c Conn, seq uint32) (Write, bool, error) {
	key := bpfGoWriteKey{Seq: seq}
	key.Conn.Client, key.Conn.ClientPort = c.Client.Addr().As16(), c.Client.Port()
	key.Conn.Server, key.Conn.ServerPort = c.Server.Addr().As16(), c.Server.Port()
	var w bpfGoWrite
	err := t.objects.GoWrites.Lookup(&key, &w)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		key.Seq, key.Last = 0, 1
		if err = t.objects.GoWrites.Lookup(&key, &w); err == nil && seq-w.Seq >= w.End-w.Seq {
			return Write{}, false, nil
		}
	}
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return Write{}, false, nil
	}
	if err != nil {
		return Write{}, false, fmt.Errorf("look up a client's write: %w", err)
	}
	out := w.decode()
	return out, out.TraceID != "", nil
}

func (w *bpfGoWrite) decode() Write {
	return Write{
		TraceID:   hexID(w.TraceId[:]),
		SpanID:    hexID(w.SpanId[:]),
		Goroutine: w.Goroutine,
		PID:       int(w.Pid),
		At:        time.Duration(w.AtNs),
		Len:       w.End - w.Seq,
		Ended:     w.Flags&bpfGoWriteFlagGO_WRITE_ENDED != 0,
		Unsampled: w.Flags&bpfGoWriteFlagGO_WRITE_UNSAMPLED != 0,
	}
}

// Stats counts what was seen so far.
func (t *Tracer) Stats() (Stats, error) {
	var n [bpfGoOutcomeOUTCOMES]uint64
	for i := range n {
		var cpus []uint64
		if err := t.objects.GoOutcomes.Lookup(uint32(i), &cpus); err != nil {
			return Stats{}, fmt.Errorf("read the counts of writes: %w", err)
		}
		for _, c := range cpus {
			n[i] += c
		}
	}
	return Stats{
		Named:     n[bpfGoOutcomeWRITE_NAMED],
		Unlabeled: n[bpfGoOutcomeWRITE_UNLABELED],
		Unread:    n[bpfGoOutcomeWRITE_UNREAD],
		Early:     n[bpfGoOutcomeWRITE_EARLY],
		Foreign:   n[bpfGoOutcomeWRITE_FOREIGN],
	}, nil
}

// Refused returns why Go clients seen so far can't be read, the first hundred: an
// error of package goproc each, in the order of their process numbers. Programs of other languages
// are not among them.
func (t *Tracer) Refused() []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for _, pid := range slices.Sorted(maps.Keys(t.refused)) {
		errs = append(errs, t.refused[pid])
	}
	return errs
}

// meet looks at each process that is new to the program in the kernel, until
// Close.
func (t *Tracer) meet() {
	defer close(t.done)
	var rec ringbuf.Record
	for {
		if err := t.unknown.ReadInto(&rec); err != nil {
			return // closed
		}
		if len(rec.RawSample) >= 4 {
			t.introduce(int(binary.NativeEndian.Uint32(rec.RawSample)))
		}
	}
}

// introduce tells the kernel how to read a process. What can't be read is told
// as well, so that it is not asked for again.
func (t *Tracer) introduce(pid int) {
	key := uint32(pid)
	var known bpfGoProcess
	if t.objects.GoProcesses.Lookup(key, &known) == nil {
		return // it wrote again before the kernel was told
	}
	before := program(pid)
	th, err := goproc.ThreadOf(pid)
	if errors.Is(err, goproc.ErrGone) {
		return
	}
	p := bpfGoProcess{
		Tls: th.TLS, G_m: uint32(th.GM), G_id: uint32(th.GID), G_labels: uint32(th.GLabels), M_curg: uint32(th.MCurG),
	}
	if err != nil {
		p.Unread = 1
		t.refuse(pid, err)
	}
	if t.objects.GoProcesses.Update(key, &p, ebpf.UpdateNoExist) != nil {
		return // the table is full of other processes: this one stays unknown
	}
	// It may have run another program meanwhile, or have ended.
	if err == nil && !os.SameFile(before, program(pid)) {
		_ = t.objects.GoProcesses.Delete(key) // unless the kernel was first
	}
}

// maxRefused bounds what is remembered of clients that can't be read.
const maxRefused = 100

func (t *Tracer) refuse(pid int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !errors.Is(err, goproc.ErrNotGo) && len(t.refused) < maxRefused {
		t.refused[pid] = err
	}
}

// program identifies the file that a process runs; nil if there is none.
func program(pid int) os.FileInfo {
	fi, err := os.Stat("/proc/" + strconv.Itoa(pid) + "/exe")
	if err != nil {
		return nil
	}
	return fi
}

// Close detaches everything. Closing twice is no error.
func (t *Tracer) Close() error {
	t.once.Do(func() {
		t.closed = t.release()
		<-t.done
	})
	return t.closed
}

func (t *Tracer) release() error {
	var errs []error
	for _, l := range t.links {
		errs = append(errs, l.Close())
	}
	if t.unknown != nil {
		errs = append(errs, t.unknown.Close())
	}
	return errors.Join(append(errs, t.objects.Close())...)
}
