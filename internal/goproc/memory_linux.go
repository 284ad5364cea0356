package goproc

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// iovMax is the kernel's UIO_MAXIOV: pieces in one call.
const iovMax = 1024

// page is the size of the smallest page. On a system of larger ones fewer pieces
// become one.
const page = 4096

// procMemory reads a process with process_vm_readv(2), many pieces a call, or,
// where a container's seccomp filter forbids that, through /proc/PID/mem. Neither
// stops the process.
type procMemory struct {
	pid  int
	file *os.File // nil: process_vm_readv

	local  []unix.Iovec
	remote []unix.RemoteIovec
	waste  [2 * page]byte // takes what lies between two pieces
}

// openMemory finds out at once whether the process may be read.
func openMemory(pid int, dir string) (*procMemory, error) {
	// Address 0 is never mapped: EFAULT says that the kernel would have read.
	var b [1]byte
	local := []unix.Iovec{{Base: &b[0], Len: 1}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0, Len: 1}}, 0)
	switch {
	case err == nil || errors.Is(err, unix.EFAULT):
		return &procMemory{pid: pid}, nil
	case errors.Is(err, unix.ESRCH):
		return nil, ErrGone
	case !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSYS):
		return nil, fmt.Errorf("process_vm_readv: %w", err)
	}
	f, err := os.Open(dir + "/mem")
	if err != nil {
		return nil, err
	}
	return &procMemory{pid: pid, file: f}, nil
}

func (m *procMemory) close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

func (m *procMemory) read(ps []piece) error {
	if m.file != nil {
		for i := range ps {
			n, _ := m.file.ReadAt(ps[i].buf, int64(ps[i].addr))
			ps[i].ok = n == len(ps[i].buf)
		}
		return nil
	}
	order := make([]int, 0, len(ps))
	for i := range ps {
		if ps[i].ok = len(ps[i].buf) == 0; !ps[i].ok {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ps[a].addr, ps[b].addr) })
	for len(order) > 0 {
		n := m.plan(ps, order)
		got, err := readv(m.pid, m.local, m.remote)
		if err != nil {
			return err
		}
		order = order[m.accept(ps, order[:n], got):]
	}
	return nil
}

// plan puts as many pieces as one call takes into m.local and m.remote, and
// returns how many. Pieces whose pages touch become one remote range: the kernel
// takes the process's memory lock for each range, which is what costs most, and
// what the process's own mmap and munmap wait for.
func (m *procMemory) plan(ps []piece, order []int) int {
	m.local, m.remote = m.local[:0], m.remote[:0]
	var end uint64            // of the range so far
	for n, i := range order { // of which each has a length
		p := &ps[i]
		if len(m.local)+2 > iovMax || len(m.remote) == iovMax {
			return n
		}
		gap := p.addr - end
		joins := end > 0 && p.addr >= end && p.addr/page <= (end-1)/page+1
		if joins {
			if gap > 0 {
				m.local = append(m.local, iovec(m.waste[:gap]))
			}
			m.remote[len(m.remote)-1].Len += int(gap) + len(p.buf)
		} else {
			m.remote = append(m.remote, unix.RemoteIovec{Base: uintptr(p.addr), Len: len(p.buf)})
		}
		m.local = append(m.local, iovec(p.buf))
		end = p.addr + uint64(len(p.buf))
	}
	return len(order)
}

func iovec(b []byte) unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return v
}

// readv returns how many bytes could be read before the first that could not.
func readv(pid int, local []unix.Iovec, remote []unix.RemoteIovec) (int, error) {
	for {
		got, err := unix.ProcessVMReadv(pid, local, remote, 0)
		switch {
		case err == nil:
			return got, nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EFAULT):
			return 0, nil
		case errors.Is(err, unix.ESRCH):
			return 0, ErrGone
		}
		return 0, fmt.Errorf("process_vm_readv: %w", err)
	}
}

// accept marks the pieces that got bytes fill, and the one after them as not
// readable. It returns how many pieces are settled.
func (m *procMemory) accept(ps []piece, order []int, got int) int {
	at := 0 // in m.local, which has the gaps as well
	for n, i := range order {
		p := &ps[i]
		for m.local[at].Base != &p.buf[0] {
			got -= int(m.local[at].Len)
			at++
		}
		if len(p.buf) > got {
			return n + 1
		}
		p.ok = true
		got -= len(p.buf)
		at++
	}
	return len(order)
}
