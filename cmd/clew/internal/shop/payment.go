package shop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// replyWait bounds how long a payment waits for the ledger's answer.
const replyWait = 8 * time.Second

// payment takes the money: it checks for fraud, has the ledger book the charge, and confirms it.
type payment struct {
	carry  Propagation
	run    string
	self   string // base URL of this service, where the ledger replies
	ledger string
	client *http.Client
	redis  *redis.Client

	fault   fault
	latency latency

	mu      sync.Mutex
	waiting map[string]func(reply) // by payment id: what goes on when the ledger has replied
}

func (p *payment) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /payments", p.pay)
	mux.HandleFunc("PUT "+FaultPath, p.fault.set)
	mux.HandleFunc("GET /metrics", p.latency.serve)
	mux.HandleFunc("POST /replies", p.resume)
}

func (p *payment) pay(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	defer func() { p.latency.add(time.Since(began)) }()
	p.fault.wait()
	var c charge
	if !receive(w, r, &c) {
		return
	}
	if err := p.checkFraud(r.Context(), c.Card); err != nil {
		refuse(w, err)
		return
	}
	entry, err := p.book(r.Context(), c)
	if err != nil {
		refuse(w, err)
		return
	}
	p.confirm()
	answer(w, http.StatusCreated, Receipt{ID: c.ID, Cents: c.Cents, Entry: entry})
}

// checkFraud runs its checks side by side: one that is handed a ctx, one from a library that takes none.
func (p *payment) checkFraud(within context.Context, card string) error {
	checks, ctx := errgroup.WithContext(within)
	checks.Go(func() error { return p.velocity(ctx, card) })
	checks.Go(func() error { return p.blocklist(card) })
	if err := checks.Wait(); err != nil || card != SlowCard {
		return err
	}
	return p.review(within, card)
}

// velocity counts how often the card has paid, and holds that against its limit. A card without one may pay
// as often as its owner likes.
func (p *payment) velocity(ctx context.Context, card string) error {
	ctx, span := p.carry.start(ctx, spanVelocity)
	defer span.End()
	limit, err := p.redis.Get(ctx, p.cardKey("limit", card)).Int64()
	if errors.Is(err, redis.Nil) {
		limit, err = math.MaxInt64, nil
	}
	if err != nil {
		return fmt.Errorf("check velocity: %w", err)
	}
	paid, err := p.redis.Incr(ctx, p.cardKey("velocity", card)).Result()
	if err != nil {
		return fmt.Errorf("check velocity: %w", err)
	}
	if paid > limit {
		return fmt.Errorf("check velocity: payment %d of the card, whose limit is %d", paid, limit)
	}
	return nil
}

// cardKey is the Redis key of what is known of a card.
func (p *payment) cardKey(what, card string) string { return "shop:" + p.run + ":" + what + ":" + card }

func (p *payment) blocklist(card string) error {
	_, span := p.carry.start(context.Background(), spanBlocked)
	defer span.End()
	if card == "stolen" {
		return fmt.Errorf("check blocklist: the card was reported stolen")
	}
	backEnd(600 * time.Microsecond)
	return nil
}

// book parks the payment until the ledger has replied, and answers the entry's place in the ledger. What
// comes after the reply is written here and runs there: on the goroutine of the request that brings it.
func (p *payment) book(ctx context.Context, c charge) (int64, error) {
	settled := make(chan reply, 1)
	p.park(c.ID, func(answer reply) {
		_, span := p.carry.start(context.Background(), spanSettle)
		defer span.End()
		backEnd(400 * time.Microsecond)
		settled <- answer
	})
	defer p.forget(c.ID)
	err := post(ctx, p.client, p.ledger+"/bookings", booking{ID: c.ID, Card: c.Card, Cents: c.Cents, ReplyTo: p.self + "/replies"}, nil)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, replyWait)
	defer cancel()
	select {
	case got := <-settled:
		if got.Error != "" {
			return 0, fmt.Errorf("book payment %s: %s", c.ID, got.Error)
		}
		return got.Entry, nil
	case <-ctx.Done():
		return 0, fmt.Errorf("book payment %s: the ledger has not replied: %w", c.ID, ctx.Err())
	}
}

// park keeps then for the reply to the payment id.
func (p *payment) park(id string, then func(reply)) {
	var got reply
	resume := p.carry.bind(func() { then(got) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[id] = func(r reply) {
		got = r
		resume()
	}
}

func (p *payment) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}

// resume is where the ledger replies: it goes on with the payment that waits for this reply.
func (p *payment) resume(w http.ResponseWriter, r *http.Request) {
	var got reply
	if !receive(w, r, &got) {
		return
	}
	p.mu.Lock()
	then := p.waiting[got.ID]
	delete(p.waiting, got.ID) // a second reply finds nobody
	p.mu.Unlock()
	if then == nil {
		http.Error(w, "nobody waits for payment "+got.ID, http.StatusNotFound)
		return
	}
	then(got)
	w.WriteHeader(http.StatusNoContent)
}

// confirm gives the bank a moment to take the charge back, then confirms it.
func (p *payment) confirm() {
	confirmed := make(chan struct{})
	time.AfterFunc(2*time.Millisecond, p.carry.bind(func() {
		_, span := p.carry.start(context.Background(), spanConfirm)
		defer span.End()
		backEnd(300 * time.Microsecond)
		close(confirmed)
	}))
	<-confirmed
}

func (p *payment) close() {}
