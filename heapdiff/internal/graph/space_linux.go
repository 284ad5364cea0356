package graph

import (
	"bytes"
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

// resident is the process's resident memory in bytes, 0 where it cannot be read.
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(f[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(syscall.Getpagesize())
}
