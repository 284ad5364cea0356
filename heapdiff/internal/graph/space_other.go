//go:build !linux

package graph

import (
	"os"
	"unsafe"
)

// canTrim is false where mapped pages cannot be given back at will: tables lie
// in Go's heap there, and a memory limit is not kept.
const canTrim = false

func mapTable(size int, _ bool, _ string) ([]byte, error) {
	// In words, so that the table is aligned for any element.
	words := make([]uint64, (size+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), size), nil
}

func unmapTable([]byte) {}

func drop([]byte) {}

func openResident() *os.File { return nil }

func resident(*os.File) int64 { return 0 }
