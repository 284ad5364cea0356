//go:build !unix

package spool

import "sync/atomic"

// newState counts in memory: on this system a Writer does not know what a killed
// one before it still had in memory.
func newState(string, uint64) (state, error) {
	return state{next: new(atomic.Uint64), close: func() error { return nil }}, nil
}
