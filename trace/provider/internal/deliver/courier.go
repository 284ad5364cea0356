package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Courier delivers one request after the other. It is not safe for concurrent use.
type Courier struct {
	Client Client
	// Within is how long one request may take with all attempts at it; 0: a minute, after which
	// only the attempt under way goes on.
	Within time.Duration
	// First is the pause after the first attempt, more or less; later ones are longer, up to 30 s. 0
	// stands for a second.
	First time.Duration

	pause time.Time // until then the receiver does not want to be asked
}

// Deliver sends p, again and again while it may help and ctx and the time allow. A receiver that has
// asked for a pause gets it, also from the next request.
func (c *Courier) Deliver(ctx context.Context, p Payload) (Answer, error) {
	if err := sleep(ctx, time.Until(c.pause)); err != nil {
		return Answer{}, fmt.Errorf("waiting as the receiver has asked: %w", err)
	}
	most := time.Minute
	if c.Within > 0 {
		most = c.Within
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Within)
		defer cancel()
	}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval, pauses.Multiplier = time.Second, 30*time.Second, 2
	if c.First > 0 {
		pauses.InitialInterval = c.First
	}
	var last error
	a, err := backoff.Retry(ctx, func() (Answer, error) {
		a, err := c.Client.Send(ctx, p)
		last = err
		return a, c.classify(err)
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(most))
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil && last != nil && !errors.Is(last, ctx.Err()):
		return a, fmt.Errorf("%w, after: %w", ctx.Err(), last)
	default:
		return a, last
	}
}

// classify puts err as backoff wants it.
func (c *Courier) classify(err error) error {
	var t *TemporaryError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &t):
		return backoff.Permanent(err)
	case t.After > 0:
		c.pause = time.Now().Add(min(t.After, maxPause))
		return &backoff.RetryAfterError{Duration: t.After}
	}
	return err
}

// maxPause bounds how long a receiver can keep us from sending: others may have taken its place.
const maxPause = time.Minute

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
