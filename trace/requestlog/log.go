package requestlog

import (
	"context"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/otel"

	"github.com/clewhq/clew/internal/spool"
	"github.com/clewhq/clew/trace"
)

// Log is a request log. Its methods can be called by any number of goroutines.
type Log struct {
	spool   *spool.Writer
	encoder *encoder
	buffers sync.Pool // *[]byte
	metrics *instruments
}

// Open opens the log in the directory dir, which is made if it is not there. Only
// one process can have it open at a time. The caller closes it.
func Open(dir string, opts ...Option) (*Log, error) {
	c := &config{service: serviceFrom(os.Getenv), deny: map[string]bool{}}
	for _, o := range opts {
		if o == nil {
			continue
		}
		if err := o.apply(c); err != nil {
			return nil, fmt.Errorf("open request log: %w", err)
		}
	}
	if c.service["service.name"] == "" {
		c.service["service.name"] = "unknown_service" // as the conventions want it
	}
	c.spool.Report = func(err error) {
		if err != nil {
			otel.Handle(fmt.Errorf("request log: %w", err))
		}
	}
	w, err := spool.Open(dir, c.spool)
	if err != nil {
		return nil, fmt.Errorf("open request log: %w", err)
	}
	l := &Log{spool: w, encoder: newEncoder(c)}
	l.buffers.New = func() any {
		b := make([]byte, 0, 2<<10)
		return &b
	}
	if l.metrics, err = newInstruments(c.meters, w); err != nil {
		// The log works without; the telemetry's own failure is its own.
		otel.Handle(fmt.Errorf("request log: %w", err))
	}
	return l, nil
}

// Observe writes the document of a request; give it to [trace.WithObserver]. It
// waits for nothing, but for memory if [WithMaxBlock] allows it.
func (l *Log) Observe(s *trace.Served) {
	buf := l.buffers.Get().(*[]byte)
	b := l.encoder.append((*buf)[:0], s)
	_ = l.spool.Append(b) // what is dropped, it counts
	*buf = b
	l.buffers.Put(buf)
}

// Stats is what has happened since the log was opened.
type Stats struct {
	Documents uint64            // taken; those dropped are not among them
	Dropped   map[string]uint64 // by reason, as in the metric's attribute
	Written   uint64            // documents that have reached the file system
	Bytes     int64             // size of the spool
	// Crashed says that the log was not closed the last time, and LostInCrash how
	// many documents were in memory only by then.
	Crashed     bool
	LostInCrash uint64
}

// Stats returns what has been counted so far.
func (l *Log) Stats() Stats {
	s := l.spool.Stats()
	out := Stats{
		Documents: s.Appended, Written: s.Written, Bytes: s.Bytes, Dropped: map[string]uint64{},
		Crashed: s.Recovered.Unclean, LostInCrash: s.Recovered.Lost,
	}
	for _, d := range spool.Drops() {
		if n := s.Dropped[d]; n > 0 {
			out.Dropped[d.String()] = n
		}
	}
	return out
}

// Flush waits until all documents so far have reached the file system, or ctx ends.
func (l *Log) Flush(ctx context.Context) error { return l.spool.Flush(ctx) }

// Close writes what is in memory, trying until ctx ends, and closes the log. The
// error says how many documents could not be written. Requests observed later are
// dropped and counted.
func (l *Log) Close(ctx context.Context) error {
	l.metrics.stop()
	return l.spool.Close(ctx)
}
