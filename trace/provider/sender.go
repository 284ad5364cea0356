package provider

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/clewhq/clew/trace/provider/internal/batch"
	"github.com/clewhq/clew/trace/provider/internal/deliver"
)

// sender is the goroutine that sends what the set has.
type sender struct {
	set     *batch.Set
	courier *deliver.Courier
	ctx     context.Context // of everything that is sent
	cancel  context.CancelFunc
	flushes chan chan<- error
	stop    chan struct{}
	done    chan struct{}

	delivered, rejected, failed atomic.Uint64

	mu   sync.Mutex
	last error // why spans were not delivered

	toldDropped uint64 // drops that have been told of
	quiet       bool   // nothing was sent since the last tick
}

func (s *sender) start(set *batch.Set, courier *deliver.Courier, delay time.Duration) {
	s.set, s.courier = set, courier
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.flushes, s.stop, s.done = make(chan chan<- error), make(chan struct{}), make(chan struct{})
	go s.run(delay)
}

func (s *sender) run(delay time.Duration) {
	defer close(s.done)
	defer func() { _ = s.courier.Client.Close() }()
	tick := time.NewTicker(delay)
	defer tick.Stop()
	for {
		select {
		case <-s.set.Ready():
			mark := s.set.Mark()
			if s.set.Starved() {
				mark = s.set.Seal()
			}
			_ = s.sendUntil(mark) // has been reported
		case <-tick.C:
			s.tick()
		case answer := <-s.flushes:
			answer <- s.sendUntil(s.set.Seal())
		case <-s.stop:
			s.drain()
			return
		}
	}
}

// tick sends what has waited long enough, gives memory back when there was nothing, and tells of drops.
func (s *sender) tick() {
	quiet := s.quiet
	s.quiet = true
	_ = s.sendUntil(s.set.Seal()) // has been reported
	if quiet && s.quiet {
		s.set.Trim()
	}
	if dropped := s.set.Counts().Dropped; dropped > s.toldDropped {
		otel.Handle(fmt.Errorf("tracer provider: %d spans dropped for want of room, see WithMaxBytes and OTEL_BSP_MAX_QUEUE_SIZE",
			dropped-s.toldDropped))
		s.toldDropped = dropped
	}
}

func (s *sender) sendUntil(mark uint64) (err error) {
	for r := s.set.Next(mark); r != nil; r = s.set.Next(mark) {
		s.quiet = false
		err = errors.Join(err, s.send(r, s.courier.Deliver))
	}
	return err
}

// drain sends all there is when the set is closed. A receiver that has not taken one request in all its
// attempts is asked only once for each of the others.
func (s *sender) drain() {
	how := s.courier.Deliver
	mark := s.set.Mark()
	for r := s.set.Next(mark); r != nil; r = s.set.Next(mark) {
		if s.send(r, how) != nil {
			how = s.courier.Client.Send
		}
	}
}

// send delivers r, counts what has become of its spans, and recycles it.
func (s *sender) send(r *batch.Request, how func(context.Context, deliver.Payload) (deliver.Answer, error)) error {
	defer s.set.Recycle(r)
	err := s.ctx.Err()
	var a deliver.Answer
	if err == nil {
		a, err = how(s.ctx, deliver.Payload{Pieces: r.Pieces, Size: r.Size})
	}
	spans := uint64(r.Spans)
	switch {
	case err != nil:
		s.failed.Add(spans)
		err = fmt.Errorf("%d spans not sent: %w", spans, err)
	case a.Rejected > 0:
		rejected := min(uint64(a.Rejected), spans)
		s.rejected.Add(rejected)
		s.delivered.Add(spans - rejected)
		err = fmt.Errorf("%d of %d spans rejected by the receiver: %s", rejected, spans, a.Message)
	default:
		s.delivered.Add(spans)
		if a.Message != "" { // a warning
			otel.Handle(fmt.Errorf("tracer provider: the receiver says: %s", a.Message))
		}
		return nil
	}
	s.mu.Lock()
	s.last = err
	s.mu.Unlock()
	if s.ctx.Err() == nil { // else Shutdown tells
		otel.Handle(fmt.Errorf("tracer provider: %w", err))
	}
	return err
}

func (s *sender) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *sender) flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	answer := make(chan error, 1)
	select {
	case s.flushes <- answer:
	case <-s.stop:
		return nil // Shutdown flushes
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// abortTime is how long a client may take to notice that it is cancelled.
const abortTime = 100 * time.Millisecond

func (s *sender) shutdown(ctx context.Context) error {
	s.set.Close()
	close(s.stop)
	defer s.cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	s.cancel()
	select {
	case <-s.done:
	case <-time.After(abortTime):
	}
	return ctx.Err()
}
