package ship

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/clewhq/clew/internal/essink"
)

// The waits between tries: a random time up to a bound that doubles, so that many
// shippers do not come back all at once.
const (
	firstWait   = 200 * time.Millisecond
	longestWait = 30 * time.Second
)

// deliver returns when each of docs is stored or put aside; its error is ctx's, or
// that of putting aside.
func (s *Shipper) deliver(ctx context.Context, docs []essink.Doc) error {
	docs, err := s.sound(docs)
	if err != nil {
		return err
	}
	for try := 0; len(docs) > 0; {
		results, err := s.c.Sink.Do(ctx, s.c.Index, docs)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var answer *essink.Error
		errors.As(err, &answer)
		if answer != nil && concernsDocs(answer.Status) {
			return s.divide(ctx, docs, answer)
		}
		left := docs
		if err == nil {
			if left, err = s.settle(docs, results); err != nil {
				return err
			}
			if len(left) == 0 {
				s.trouble.note(nil)
				return nil
			}
			err = itemsError(left, results)
			if len(left) < len(docs) {
				try = 0
			}
		}
		s.trouble.note(err)
		s.retries.Add(1)
		wait := backoff(try)
		if answer != nil {
			wait = max(wait, answer.RetryAfter)
		}
		try++
		if err := s.c.Sleep(ctx, wait); err != nil {
			return err
		}
		docs = left
	}
	return nil
}

// backoff is the wait after a try, counted from 0: full jitter, see "Exponential
// Backoff And Jitter", AWS Architecture Blog, 2015.
func backoff(try int) time.Duration {
	bound := longestWait
	if try < 20 {
		bound = min(bound, firstWait<<try)
	}
	return rand.N(bound) + time.Millisecond
}

// concernsDocs reports whether a whole request was refused for what is in it.
func concernsDocs(status int) bool {
	return status == http.StatusRequestEntityTooLarge || status == http.StatusBadRequest
}

// forGood reports whether a document's status is the document's fault. That the
// index is not there, or closed to us, is not.
func forGood(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// divide sends docs in two halves, or puts the one document aside.
func (s *Shipper) divide(ctx context.Context, docs []essink.Doc, answer *essink.Error) error {
	if len(docs) == 1 {
		return s.putAside(docs[0], answer.Status, answer.Error())
	}
	s.retries.Add(1)
	if answer.Status == http.StatusRequestEntityTooLarge {
		size := int64(0)
		for _, d := range docs {
			size += int64(len(d.Body))
		}
		s.shrink(max(size/2, leastBytes))
	}
	half := len(docs) / 2
	if err := s.deliver(ctx, docs[:half]); err != nil {
		return err
	}
	return s.deliver(ctx, docs[half:])
}

// shrink makes later batches no larger than n bytes.
func (s *Shipper) shrink(n int64) {
	for {
		now := s.limit.Load()
		if n >= now || s.limit.CompareAndSwap(now, n) {
			return
		}
	}
}

// settle counts what is stored, puts aside what is refused for good, and returns
// what is to be sent again.
func (s *Shipper) settle(docs []essink.Doc, results []essink.Result) (left []essink.Doc, err error) {
	for i, r := range results {
		switch {
		case r.Stored():
			s.stored.Add(1)
			if r.Status == http.StatusConflict {
				s.again.Add(1)
			}
		case forGood(r.Status):
			if err := s.putAside(docs[i], r.Status, r.Reason); err != nil {
				return nil, err
			}
		default:
			left = append(left, docs[i])
		}
	}
	return left, nil
}

// itemsError is the first result that is to be tried again, as an error.
func itemsError(left []essink.Doc, results []essink.Result) error {
	for _, r := range results {
		if !r.Stored() && !forGood(r.Status) {
			return &itemError{essink.Error{Status: r.Status, Reason: r.Reason}, len(left)}
		}
	}
	return nil
}

// sound puts documents aside that would break the request they are in.
func (s *Shipper) sound(docs []essink.Doc) ([]essink.Doc, error) {
	sound := docs[:0:0]
	for i, d := range docs {
		if bytes.IndexByte(d.Body, '\n') < 0 {
			if sound != nil {
				sound = append(sound, d)
			}
			continue
		}
		if sound == nil {
			sound = append(make([]essink.Doc, 0, len(docs)), docs[:i]...)
		}
		if err := s.putAside(d, 0, "the document has more than one line"); err != nil {
			return nil, err
		}
	}
	if sound == nil {
		return docs, nil
	}
	return sound, nil
}

func (s *Shipper) putAside(d essink.Doc, status int, reason string) error {
	s.refused.Add(1)
	return s.dead.add(letter{Time: time.Now().UTC(), Index: s.c.Index, ID: d.ID, Status: status, Reason: reason}, d.Body)
}
