//go:build !unix

package input

import (
	"fmt"
	"io"
	"math"
	"os"
)

// mapFile reads the first size bytes of f, where mapping is not portable.
func (in *Input) mapFile(f *os.File, size int64) error {
	if size > math.MaxInt {
		return fmt.Errorf("%d bytes are more than this system can address", size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), b); err != nil {
		return cause(err)
	}
	in.Data = b
	return nil
}
