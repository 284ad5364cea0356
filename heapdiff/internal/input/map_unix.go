//go:build unix

package input

import (
	"fmt"
	"math"
	"os"
	"syscall"
)

// mapFile maps the first size bytes of f.
func (in *Input) mapFile(f *os.File, size int64) error {
	if size == 0 {
		return nil // mmap refuses an empty range
	}
	if size > math.MaxInt {
		return fmt.Errorf("%d bytes are more than this system can address", size)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %d bytes: %w", size, err)
	}
	in.release = append(in.release, func() error { return syscall.Munmap(b) })
	in.Data = b
	return nil
}
