package sampled

import (
	"bytes"
	"fmt"

	"github.com/google/pprof/profile"
	"google.golang.org/protobuf/encoding/protowire"
)

// place adds to an error of google/pprof's parser, which names none, where in data
// it comes from.
func place(data []byte, err error) error {
	if isText(data) {
		return fmt.Errorf("line %d: %w", badLine(data), err)
	}
	for off := 0; off < len(data); {
		_, _, n := protowire.ConsumeField(data[off:])
		if n < 0 {
			return fmt.Errorf("at offset %d of %d: %w", off, len(data), err)
		}
		off += n
	}
	return fmt.Errorf("in a message of %d bytes: %w", len(data), err)
}

// badLine is the number of the line that the parser refuses. Lines after the first
// are read each by itself, so one half of those that are left tells which half to
// look at next, and all together are read once more.
func badLine(data []byte) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	refused := func(from, to int) bool {
		_, err := profile.ParseData(bytes.Join(append([][]byte{lines[0]}, lines[from:to]...), nil))
		return err != nil
	}
	if refused(0, 0) {
		return 1
	}
	from, to := 1, len(lines)
	for to-from > 1 {
		if mid := (from + to) / 2; refused(from, mid) {
			to = mid
		} else {
			from = mid
		}
	}
	return from + 1
}
