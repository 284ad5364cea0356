package timeline

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	rtrace "runtime/trace"
	"sync"
	"sync/atomic"
	"time"
)

// RecorderOptions are how a [Recorder] works. OnSlow is required, the rest has
// defaults.
type RecorderOptions struct {
	// Slow is how long a request takes at least to be looked into; default 500 ms.
	Slow time.Duration
	// Every bounds the rate: at most one snapshot in this time; default 10 s.
	// Slow requests in between are counted as skipped.
	Every time.Duration
	// Keep is how far back the snapshots are to go; default 10 s, and at least Slow.
	Keep time.Duration
	// MaxBytes bounds the memory for the trace, and wins over Keep; default 16 MiB.
	MaxBytes uint64
	// OnSlow gets each snapshot, on a goroutine of the recorder's, one at a time.
	OnSlow func(Snapshot)
}

// Snapshot is what the trace held when a request had been slow.
type Snapshot struct {
	Start  time.Time     // of the request
	Took   time.Duration // until Done was called
	Report *Report       // all spans of the last moments; never nil
	Err    error         // why the report is not whole, if it is not
}

// Slow are the spans of the snapshot that took as long as the request, or
// nearly: the longest first.
func (s Snapshot) Slow() []Span { return s.Report.longest(s.Took - s.Took/10) }

// Recorder has a flight recorder run and reads it when a request has been slow,
// so that the time of the one request in a thousand can be explained that nobody
// was tracing. It is safe for concurrent use.
//
// While it runs, the whole process is traced, into memory: some percent of its
// processor time (docs/timeline.md tells how to measure it) and MaxBytes. The Go
// runtime has one flight recorder at a time.
type Recorder struct {
	opts   RecorderOptions
	flight *rtrace.FlightRecorder
	slow   chan Snapshot // the one to be taken
	done   chan struct{} // the goroutine has ended
	close  sync.Once
	mu     sync.RWMutex // Done against Close
	closed bool

	next           atomic.Int64 // not before, in nanoseconds since begun
	begun          time.Time
	taken, skipped atomic.Int64
}

// Record starts a Recorder. It fails if OnSlow is nil or another flight recorder
// is running. Close it.
func Record(o RecorderOptions) (*Recorder, error) {
	if o.OnSlow == nil {
		return nil, errors.New("record slow requests: RecorderOptions.OnSlow is nil: nobody would see them")
	}
	o.Slow = cmp.Or(o.Slow, 500*time.Millisecond)
	o.Every = cmp.Or(o.Every, 10*time.Second)
	o.Keep = max(cmp.Or(o.Keep, 10*time.Second), o.Slow)
	o.MaxBytes = cmp.Or(o.MaxBytes, 16<<20)
	r := &Recorder{
		opts:   o,
		flight: rtrace.NewFlightRecorder(rtrace.FlightRecorderConfig{MinAge: o.Keep, MaxBytes: o.MaxBytes}),
		slow:   make(chan Snapshot, 1),
		done:   make(chan struct{}),
		begun:  time.Now(),
	}
	if err := r.flight.Start(); err != nil {
		return nil, errors.Join(errors.New("record slow requests"), err)
	}
	go r.run()
	return r, nil
}

// Done tells the recorder that a request that began at start has ended. Call it
// after the request's span has ended, so that the trace has its end. It never
// blocks.
func (r *Recorder) Done(start time.Time) {
	took := time.Since(start)
	if took < r.opts.Slow {
		return
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed || !r.due() {
		r.skipped.Add(1)
		return
	}
	select {
	case r.slow <- Snapshot{Start: start, Took: took}:
	default: // the one before is still being read
		r.skipped.Add(1)
	}
}

// due takes the turn, if there is one.
func (r *Recorder) due() bool {
	now := int64(time.Since(r.begun))
	next := r.next.Load()
	return now >= next && r.next.CompareAndSwap(next, now+int64(r.opts.Every))
}

func (r *Recorder) run() {
	defer close(r.done)
	for s := range r.slow {
		var buf bytes.Buffer
		if _, s.Err = r.flight.WriteTo(&buf); s.Err == nil {
			s.Report, s.Err = Read(&buf)
		} else {
			s.Report = &Report{}
		}
		r.taken.Add(1)
		r.opts.OnSlow(s)
	}
}

// Handler tells the recorder of next's requests. Put it around trace.Handler, not
// inside.
func (r *Recorder) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer r.Done(time.Now())
		next.ServeHTTP(w, req)
	})
}

// Stats are how many snapshots were taken, and how many slow requests had none
// because of Every or because the one before was still being read.
func (r *Recorder) Stats() (taken, skipped int64) { return r.taken.Load(), r.skipped.Load() }

// Close stops the flight recorder and waits until the last snapshot has been
// handed over. Done does nothing from then on.
func (r *Recorder) Close() {
	r.close.Do(func() {
		r.mu.Lock()
		r.closed = true
		close(r.slow)
		r.mu.Unlock()
		<-r.done
		r.flight.Stop()
	})
}
