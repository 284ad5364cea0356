package profile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// workers is how many uploads are under way at a time. A window has five at most.
const workers = 2

// delivery takes uploads from pyroscope-go, which would drop one that fails, and sends them in the
// background until the server has taken them or their time is up.
type delivery struct {
	cfg    Config
	ctx    context.Context // done when sending is to end at once
	cancel context.CancelFunc

	mu     sync.Mutex
	more   sync.Cond // queue or closed have changed
	queue  []upload
	bytes  int // of those in the queue and under way
	closed bool
	counts Stats
	last   error // why the last one was lost
	all    sync.WaitGroup
}

type upload struct {
	request *http.Request
	body    []byte
	until   time.Time
}

func newDelivery(cfg Config) *delivery {
	d := &delivery{cfg: cfg}
	d.more.L = &d.mu
	d.ctx, d.cancel = context.WithCancel(context.Background())
	for range workers {
		d.all.Go(d.work)
	}
	return d
}

// Do implements remote.HTTPClient. It answers 200 for what it has taken on itself.
func (d *delivery) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bytes+len(body) > d.cfg.MaxPending || d.closed {
		d.counts.Full++
		d.last = fmt.Errorf("no room for %d bytes more", len(body))
		return nil, d.last
	}
	d.bytes += len(body)
	d.counts.Pending++
	d.queue = append(d.queue, upload{r, body, time.Now().Add(d.cfg.RetryFor)})
	d.more.Signal()
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

func (d *delivery) work() {
	for {
		u, ok := d.take()
		if !ok {
			return
		}
		d.done(u, d.send(u))
	}
}

// take waits for an upload. After close it answers those that are left.
func (d *delivery) take() (u upload, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) == 0 && !d.closed {
		d.more.Wait()
	}
	if len(d.queue) == 0 {
		return u, false
	}
	u, d.queue = d.queue[0], d.queue[1:]
	return u, true
}

func (d *delivery) done(u upload, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes -= len(u.body)
	d.counts.Pending--
	var refused *refusedError
	switch {
	case err == nil:
		d.counts.Delivered++
		return
	case errors.As(err, &refused):
		d.counts.Refused++
	default:
		d.counts.Expired++
	}
	d.last = err
	d.cfg.Logger.Error("profile not delivered", "error", err, "bytes", len(u.body))
}

// refusedError is an answer that another attempt would not change.
type refusedError struct{ status string }

// Error implements error.
func (e *refusedError) Error() string { return "the server answered " + e.status }

// send tries until the upload's time is up or delivery is to end.
func (d *delivery) send(u upload) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(d.ctx, u.until)
	defer cancel()
	var last error
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := d.attempt(ctx, u)
		if last == nil || ctx.Err() == nil { // that the time is up says less than what came before
			last = err
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(0)) // ctx has it
	if err != nil && last != nil && ctx.Err() != nil {
		return last
	}
	return err
}

func (d *delivery) attempt(ctx context.Context, u upload) error {
	r := u.request.Clone(ctx)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(u.body)), int64(len(u.body))
	resp, err := d.cfg.Client.Do(r)
	if err != nil {
		return fmt.Errorf("upload: %w", withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout, resp.StatusCode >= 500:
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			return backoff.RetryAfter(s)
		}
		return fmt.Errorf("the server answered %s", resp.Status)
	}
	return backoff.Permanent(&refusedError{resp.Status})
}

// close sends what is left, as long as ctx allows, and counts what has not been delivered.
func (d *delivery) close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	d.more.Broadcast()
	d.mu.Unlock()
	release := context.AfterFunc(ctx, d.cancel)
	defer release()
	d.all.Wait()
	d.cancel()
	d.cfg.Client.CloseIdleConnections()
	s := d.stats()
	lost := s.Refused + s.Expired + s.Full
	if lost == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Errorf("%d of %d profiles not delivered: %w", lost, lost+s.Delivered, d.last)
}

func (d *delivery) stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts
}
