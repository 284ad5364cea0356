package otlprecv

import (
	"context"
	"fmt"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Sink takes the spans a [Receiver] has decoded. It is called from many
// goroutines at once.
type Sink interface {
	// Spans takes what one request carried; rs and all below it belong to the
	// sink from then on. Every span in it has a trace id of 16 and a span id of
	// 8 bytes, neither of them zero, and a parent id of 0 or 8 bytes.
	//
	// A nil error acknowledges all of it to the sender. A [RejectedError]
	// acknowledges the rest: the sender is told how many were turned away and
	// does not send them again. After any other error the sender is asked to
	// come again later (503 and Unavailable), so an error means that nothing
	// was kept, or that what was kept may come twice.
	Spans(ctx context.Context, rs []*tracepb.ResourceSpans) error
}

// RejectedError is what a [Sink] returns when it took a request except for
// some spans that it will never take.
type RejectedError struct {
	Spans  int64  // how many were turned away
	Reason string // why, for the sender's log
}

func (e *RejectedError) Error() string {
	return fmt.Sprintf("%d spans rejected: %s", e.Spans, e.Reason)
}
