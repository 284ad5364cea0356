package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/clewhq/clew/internal/essink"
	"github.com/clewhq/clew/internal/spool"
)

// batch is a stretch of the spool that goes out together.
type batch struct {
	docs   []essink.Doc
	cursor spool.Cursor  // behind its last record
	done   chan struct{} // closed when it is delivered, or given up
	err    error         // why it was given up; set before done is closed
}

// window is how many batches for each in flight can wait to be committed.
const window = 4

// ship reads batches and has InFlight of them delivered at a time. The cursor moves
// on in the order of the spool. With untilEmpty it ends at the end of the spool.
func (s *Shipper) ship(ctx context.Context, untilEmpty bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A batch that takes long does not keep those behind it from being sent, but from
	// being committed.
	order := make(chan *batch, window*s.c.InFlight)
	free := make(chan struct{}, s.c.InFlight)
	var senders sync.WaitGroup
	var committed error
	committing := make(chan struct{})
	go func() {
		defer close(committing)
		if committed = s.commitAll(order); committed != nil {
			cancel()
			for b := range order {
				<-b.done
			}
		}
	}()
	read := s.readAll(ctx, untilEmpty, func(b *batch) error {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case order <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		senders.Go(func() {
			b.err = s.deliver(ctx, b.docs)
			<-free
			close(b.done)
		})
		return nil
	})
	close(order)
	<-committing
	senders.Wait()
	// What was read but not delivered has to be read again.
	err := errors.Join(s.reader.Close(), s.save())
	s.reader = spool.NewReader(s.c.Spool, s.cursor)
	if committed != nil {
		return errors.Join(committed, err)
	}
	return errors.Join(read, err)
}

// commitAll moves the cursor behind each batch when it has been delivered.
func (s *Shipper) commitAll(order <-chan *batch) error {
	for b := range order {
		<-b.done
		if b.err != nil {
			return b.err
		}
		s.cursor = b.cursor
		s.lost.Store(s.cursor.Lost)
		if time.Since(s.saved) < saveEvery {
			continue
		}
		if err := s.save(); err != nil {
			if !errors.Is(err, errNotSaved) {
				return err
			}
			s.trouble.note(err) // it is delivered all the same; after a crash it is sent again
			s.saved = time.Now()
		}
	}
	return nil
}

// errNotSaved is the error for a cursor that the disk has no room for.
var errNotSaved = errors.New("the place in the spool could not be saved")

// save keeps the cursor, and takes away the segments it has left behind.
func (s *Shipper) save() error {
	if err := s.dead.sync(); err != nil {
		return err
	}
	if err := s.cursor.Save(s.c.Spool); err != nil {
		return fmt.Errorf("%w: %w", errNotSaved, err)
	}
	s.saved = time.Now()
	if s.c.Keep >= 0 && time.Since(s.purged) < purgeEvery {
		return nil
	}
	s.purged = time.Now()
	_, err := spool.Purge(s.c.Spool, s.cursor, time.Now().Add(-max(s.c.Keep, 0)))
	return err
}

// readAll calls send with one batch after the other.
func (s *Shipper) readAll(ctx context.Context, untilEmpty bool, send func(*batch) error) error {
	for {
		b, err := s.readBatch()
		if err != nil {
			return err
		}
		switch {
		case len(b.docs) > 0:
			err = send(b)
		case untilEmpty:
			return nil
		default:
			err = s.c.Sleep(ctx, s.c.Poll)
		}
		if err != nil {
			return err
		}
	}
}

// readBatch reads as much as fits into a batch; none if there is nothing to read.
func (s *Shipper) readBatch() (*batch, error) {
	b := &batch{done: make(chan struct{})}
	limit := int(s.limit.Load())
	data := make([]byte, 0, 64<<10)
	var ends []int
	var ids []string
	for len(ids) < s.c.BatchDocs && len(data) < limit {
		rec, err := s.reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		data = append(data, rec.Data...)
		ends, ids = append(ends, len(data)), append(ids, rec.ID())
	}
	from := 0
	for i, end := range ends {
		b.docs = append(b.docs, essink.Doc{ID: ids[i], Body: data[from:end:end]})
		from = end
	}
	b.cursor = s.reader.Cursor()
	return b, nil
}
