package golabels

import (
	"encoding/hex"
	"net/netip"
	"time"
)

// Conn is a TCP connection, as both of its ends name it.
type Conn struct{ Client, Server netip.AddrPort }

// Write is one write of a client's, and who did it.
type Write struct {
	// TraceID and SpanID are in lower-case hex digits, 32 and 16 of them. SpanID is
	// empty if the goroutine had none.
	TraceID, SpanID string
	Goroutine       uint64        // its id in the client
	PID             int           // the client's process
	At              time.Duration // when the write was done, on CLOCK_MONOTONIC
	Len             uint32        // bytes written
	// Ended says that the span had ended before, and Unsampled that the trace is not
	// being recorded. Only package propagate of this module tells.
	Ended, Unsampled bool
}

// Stats counts the writes to watched ports, by what became of them.
type Stats struct {
	Named     uint64 // their trace is known
	Unlabeled uint64 // their goroutine carried no trace id
	Unread    uint64 // their goroutine could not be read
	Early     uint64 // their process was not known yet
	Foreign   uint64 // their process can't be read: not Go's, or refused
}

// hexID returns the id in digits, or "" if it is none: the kernel copied it from
// memory that may hold anything.
func hexID(digits []byte) string {
	id := make([]byte, len(digits)/2)
	if _, err := hex.Decode(id, digits); err != nil {
		return ""
	}
	for _, b := range id {
		if b != 0 {
			return hex.EncodeToString(id)
		}
	}
	return ""
}
