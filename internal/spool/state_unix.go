//go:build unix

package spool

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// newState maps the file, so that what has been counted outlives the process at
// the cost of a memory write, even if it is killed.
func newState(dir string, session uint64) (state, error) {
	f, err := os.OpenFile(filepath.Join(dir, stateName), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return state{}, err
	}
	defer f.Close()
	// Written, not only made longer: a page without a place on a full disk would be
	// a signal at the first write to memory.
	if _, err := f.Write(binary.NativeEndian.AppendUint64(nil, session)); err != nil {
		return state{}, err
	}
	if _, err := f.Write(make([]byte, stateSize-8)); err != nil {
		return state{}, err
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, stateSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return state{}, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	next := (*atomic.Uint64)(unsafe.Pointer(&m[8]))
	return state{next: next, close: func() error { return syscall.Munmap(m) }}, nil
}
