package shop

import (
	"context"
	"fmt"
)

// SlowCard is a card under review: a script in Redis goes over each of its payments, and holds Redis for a
// tenth of a second or more.
const SlowCard = "card-under-review"

// ReviewScript is that script. It stands for one that goes over all that a card ever paid: it counts to its
// argument.
const ReviewScript = "for i = 1, tonumber(ARGV[1]) do end return redis.call('GET', KEYS[1])"

// reviewSteps take Redis about 0.1 s of a fast CPU.
const reviewSteps = 30_000_000

// review has the script go over the card.
func (p *payment) review(ctx context.Context, card string) error {
	if err := p.redis.Eval(ctx, ReviewScript, []string{p.cardKey("velocity", card)}, reviewSteps).Err(); err != nil {
		return fmt.Errorf("review card: %w", err)
	}
	return nil
}
