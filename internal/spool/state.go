package spool

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"sync/atomic"
)

// stateSize is the size of the file in which a Writer notes its session and how
// many numbers it has given away: 8 bytes each.
const stateSize = 16

// readState returns what the Writer before us has noted; ok is false when there
// is nothing of use.
func readState(dir string) (session, next uint64, ok bool) {
	b, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil || len(b) < stateSize {
		return 0, 0, false
	}
	return binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[8:]), true
}

// state is the note that is being kept.
type state struct {
	next  *atomic.Uint64
	close func() error
}
