package notify

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/clewhq/clew/zscore/alert"
)

// Receiver is where messages go. Send tries once, within the context's time, and
// says what became of it; Outcome.After may be left to [Deliver].
type Receiver interface {
	Send(ctx context.Context, b alert.Batch) alert.Outcome
}

// Bounds of the waits between attempts, before jitter.
const (
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// afterDigest is how many paces follow a digest.
const afterDigest = 3

// Deliver sends what the book has for the receiver of this name until ctx ends;
// an attempt under way is then finished. Pace is the least time between two
// messages.
func Deliver(ctx context.Context, book *alert.Book, name string, to Receiver, pace time.Duration) {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = firstRetry, lastRetry
	waits.Reset()
	wake := book.Wake(name)
	for ctx.Err() == nil {
		batch, next, ok := book.Claim(name, time.Now())
		if !ok {
			await(ctx, wake, next)
			continue
		}
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), postTime)
		outcome := to.Send(attempt, batch)
		cancel()
		if outcome.Result == alert.Later {
			outcome.After = max(outcome.After, waits.NextBackOff())
		} else {
			waits.Reset()
		}
		book.Settle(time.Now(), batch, outcome)
		if batch.Digest {
			sleep(ctx, afterDigest*pace) // where so much comes, more comes: let it gather
			continue
		}
		sleep(ctx, pace)
	}
}

// await waits until something may have changed, or until next unless that is zero.
func await(ctx context.Context, wake <-chan struct{}, next time.Time) {
	var due <-chan time.Time
	if !next.IsZero() {
		timer := time.NewTimer(max(time.Until(next), 0))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-due:
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// SlackPace is the least time between two messages to a channel: Slack allows one
// a second, and counts by its own clock.
const SlackPace = 1050 * time.Millisecond
