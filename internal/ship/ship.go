// Package ship takes documents from a spool to a server, each at least once: the
// place in the spool moves on only when the server has said of every document before
// it that it is stored, or the document has been put aside with the reason why not.
// Sent again, a document has the id it had before, so that the server knows it.
package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/clewhq/clew/internal/essink"
	"github.com/clewhq/clew/internal/spool"
)

// What counts where a Config has 0.
const (
	DefaultBatchDocs  = 2000
	DefaultBatchBytes = 4 << 20
	DefaultInFlight   = 2
	DefaultPoll       = 200 * time.Millisecond
	DefaultKeep       = 24 * time.Hour
)

// DeadLetters is the name of the file, in the spool, with what the server refuses.
const DeadLetters = "dead-letters.jsonl"

const (
	lockName = "shipper.lock"
	// saveEvery bounds how much is sent again after a crash.
	saveEvery = 200 * time.Millisecond
	// purgeEvery is how often shipped segments are looked for.
	purgeEvery = time.Minute
	// leastBytes is where a batch is no more made smaller on the server's word.
	leastBytes = 64 << 10
)

// Config says what is shipped where.
type Config struct {
	Spool string      // directory
	Sink  essink.Bulk // it has been pinged
	Index string      // data stream or index

	BatchDocs  int           // documents in one request
	BatchBytes int           // bytes of documents in one request
	InFlight   int           // requests at a time
	Poll       time.Duration // how often an empty spool is looked at
	Keep       time.Duration // how long shipped segments stay, for clew grep; below 0: not at all
	// Report is told what the server has against us when that changes and, with nil,
	// when it takes documents again. It is called by several goroutines, one at a time.
	Report func(error)
	// Sleep waits between tries; nil: real time.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Stats are counted since [Open].
type Stats struct {
	Stored  uint64 `json:"stored"`        // documents that the server has, those it had already among them
	Again   uint64 `json:"already_there"` // of these: sent before, its answer did not arrive
	Dead    uint64 `json:"dead_letters"`  // documents refused for good
	Retries uint64 `json:"retries"`       // requests that were made again, whole or in part
	Lost    uint64 `json:"lost"`          // records that are missing in the spool, ever
}

// Shipper ships one spool. It has one user at a time, but for Stats.
type Shipper struct {
	c       Config
	lock    *os.File
	reader  *spool.Reader
	cursor  spool.Cursor // up to here all is delivered
	saved   time.Time
	purged  time.Time
	limit   atomic.Int64 // bytes in a batch; the server may want fewer
	dead    deadLetters
	trouble trouble

	stored, again, refused, retries, lost atomic.Uint64
}

// Open opens a spool for shipping, where the last Shipper of it has stopped. Only
// one process can at a time. The caller closes it.
func Open(c Config) (*Shipper, error) {
	if c.BatchDocs < 0 || c.BatchBytes < 0 || c.InFlight < 0 || c.Poll < 0 {
		return nil, errors.New("ship: a size or time is below 0")
	}
	c.BatchDocs = orDefault(c.BatchDocs, DefaultBatchDocs)
	c.BatchBytes = orDefault(c.BatchBytes, DefaultBatchBytes)
	c.InFlight = orDefault(c.InFlight, DefaultInFlight)
	c.Poll = orDefault(c.Poll, DefaultPoll)
	c.Keep = orDefault(c.Keep, DefaultKeep)
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if _, err := os.Stat(c.Spool); err != nil {
		return nil, fmt.Errorf("ship: %w", err)
	}
	lock, err := spool.Lock(c.Spool, lockName)
	if err != nil {
		return nil, fmt.Errorf("ship: %w", err)
	}
	cursor, err := spool.LoadCursor(c.Spool)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("ship: %w", err)
	}
	s := &Shipper{c: c, lock: lock, cursor: cursor, reader: spool.NewReader(c.Spool, cursor)}
	s.limit.Store(int64(c.BatchBytes))
	s.lost.Store(cursor.Lost)
	s.dead.path = filepath.Join(c.Spool, DeadLetters)
	s.trouble.report = c.Report
	return s, nil
}

func orDefault[N int | time.Duration](v, usual N) N {
	if v == 0 {
		return usual
	}
	return v
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run ships what is in the spool and what comes, until ctx ends; that is no error.
// What is under way then is given up and will be sent again.
func (s *Shipper) Run(ctx context.Context) error {
	err := s.ship(ctx, false)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// Flush ships what is in the spool. If ctx ends before all is delivered, the error
// says how many documents remain: they stay in the spool and go out the next time.
func (s *Shipper) Flush(ctx context.Context) error {
	err := s.ship(ctx, true)
	if ctx.Err() == nil || err == nil {
		return err
	}
	n, countErr := s.Remaining()
	if n == 0 && countErr == nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return errors.Join(fmt.Errorf("%d documents remain in the spool and go out the next time: %w", n, context.Cause(ctx)), countErr)
}

// Remaining counts the documents in the spool that are not known to be delivered.
func (s *Shipper) Remaining() (n int, err error) {
	r := spool.NewReader(s.c.Spool, s.cursor)
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		if _, err := r.Next(); err != nil {
			if errors.Is(err, io.EOF) {
				return n, nil
			}
			return n, err
		}
		n++
	}
}

// Stats returns what has been counted so far.
func (s *Shipper) Stats() Stats {
	return Stats{
		Stored: s.stored.Load(), Again: s.again.Load(), Dead: s.refused.Load(),
		Retries: s.retries.Load(), Lost: s.lost.Load(),
	}
}

// Close gives up the spool. It ships nothing.
func (s *Shipper) Close() error {
	return errors.Join(s.reader.Close(), s.dead.close(), s.lock.Close())
}
