package graph

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/clewhq/clew/heapdiff/internal/input"
)

const canTrim = true

func mapTable(size int, file bool, dir string) ([]byte, error) {
	const rw = unix.PROT_READ | unix.PROT_WRITE
	if !file {
		return unix.Mmap(-1, 0, size, rw, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	}
	f, remove, err := input.Scratch(dir)
	if err != nil {
		return nil, err
	}
	defer remove() //nolint:errcheck // the mapping keeps the nameless file; closing cannot lose anything
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, size, rw, unix.MAP_SHARED)
}

func unmapTable(b []byte) {
	_ = unix.Munmap(b) // fails only for a range that is no mapping
}

func drop(b []byte) {
	_ = unix.Madvise(b, unix.MADV_DONTNEED) // advice: without it the pages stay
}

// openResident opens what resident reads; it is nil where there is no /proc.
func openResident() *os.File {
	f, err := os.Open("/proc/self/statm")
	if err != nil {
		return nil
	}
	return f
}

// resident is the process's resident memory in bytes. Where that cannot be read
// it counts as more than any limit.
func resident(statm *os.File) int64 {
	var buf [128]byte
	if statm == nil {
		return math.MaxInt64
	}
	n, _ := statm.ReadAt(buf[:], 0) // io.EOF behind the few bytes it has
	f := bytes.Fields(buf[:n])
	if len(f) < 2 {
		return math.MaxInt64
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return pages * int64(syscall.Getpagesize())
}
