package shop

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/clewhq/clew/propagate"
)

// bookTime bounds the writing of one entry and the reply about it.
const bookTime = 5 * time.Second

// ledger writes the shop's books. It accepts a booking at once, writes it later, and then replies.
type ledger struct {
	carry   Propagation
	run     string
	client  *http.Client
	redis   *redis.Client
	queue   chan entry
	failed  func(error) // told of an entry whose payment could not be replied to
	cache   statements
	trail   audit
	workers sync.WaitGroup
}

// entry is a booking on its way through the queue.
type entry struct {
	booking booking
	done    func()        // ends the span of the booking
	from    propagate.Ref // the work it belongs to
}

// start begins the workers that empty the queue.
func (l *ledger) start(workers int) {
	for range workers {
		l.workers.Go(func() {
			for e := range l.queue {
				l.write(e)
			}
		})
	}
}

func (l *ledger) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /bookings", l.accept)
}

// accept queues the booking. Its span outlives the request: it ends when the entry is written.
func (l *ledger) accept(w http.ResponseWriter, r *http.Request) {
	var b booking
	if !receive(w, r, &b) {
		return
	}
	ctx, span := l.carry.start(r.Context(), spanBooking)
	l.queue <- entry{booking: b, done: func() { span.End() }, from: l.carry.ref(ctx)}
	w.WriteHeader(http.StatusAccepted)
}

// write runs on a worker: it writes the entry and replies to the one who asked for it.
func (l *ledger) write(e entry) {
	defer e.done()
	ctx, cancel := context.WithTimeout(propagate.NewContext(context.Background(), e.from), bookTime)
	defer cancel()
	l.trail.keep(e.booking)
	l.cache.of(e.booking.Card)
	answer := reply{ID: e.booking.ID}
	place, err := l.append(ctx, e.booking)
	if err != nil {
		answer.Error = err.Error()
	}
	answer.Entry = place
	if err := post(ctx, l.client, e.booking.ReplyTo, answer, nil); err != nil {
		l.failed(err)
	}
}

// append puts the entry at the end of the book.
func (l *ledger) append(ctx context.Context, b booking) (int64, error) {
	ctx, span := l.carry.start(ctx, spanEntry)
	defer span.End()
	place, err := l.redis.RPush(ctx, EntriesKey(l.run), b.ID).Result()
	if err != nil {
		return 0, fmt.Errorf("write entry: %w", err)
	}
	return place, nil
}

// close waits for the entries that were queued; none may be queued after it.
func (l *ledger) close() {
	close(l.queue)
	l.workers.Wait()
}
