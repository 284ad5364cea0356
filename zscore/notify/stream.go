package notify

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"

	"github.com/clewhq/clew/zscore/alert"
)

// Stream writes each message to W as a line of JSON, a [Document]. Several may
// share a W when they share Lock.
type Stream struct {
	W    io.Writer
	Lock *sync.Mutex
}

// Send implements [Receiver].
func (s *Stream) Send(_ context.Context, b alert.Batch) alert.Outcome {
	s.Lock.Lock()
	defer s.Lock.Unlock()
	if err := json.NewEncoder(s.W).Encode(document(b)); err != nil {
		return alert.Outcome{Result: alert.Later, Unknown: true, Why: err.Error()}
	}
	return alert.Outcome{Result: alert.Delivered}
}

// File appends each message to a file as a line of JSON, a [Document], and syncs
// it: a fallback that needs no network.
type File struct{ Path string }

// Send implements [Receiver].
func (f *File) Send(ctx context.Context, b alert.Batch) (o alert.Outcome) {
	out, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return alert.Outcome{Result: alert.Later, Why: err.Error()}
	}
	o = (&Stream{W: out, Lock: new(sync.Mutex)}).Send(ctx, b)
	for _, done := range []func() error{out.Sync, out.Close} {
		if err := done(); err != nil && o.Result == alert.Delivered {
			o = alert.Outcome{Result: alert.Later, Unknown: true, Why: err.Error()}
		}
	}
	return o
}
