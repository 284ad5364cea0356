package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
)

const (
	// inFlight bounds the payments that are under way at a time: a slow machine gets a lower rate.
	inFlight = 32
	// payTime bounds the wait for one payment's answer.
	payTime = 15 * time.Second
)

// load is what is sent to a shop: rate payments a second for a time.
type load struct {
	url    string // of the gateway
	prefix string // of the payments' ids
	rate   int
	last   time.Duration
}

// maxCards is how many cards pay in a long run.
const maxCards = 40

// cards is how many cards pay, one after the other: so few that each does so often, be the run ever so short.
func (l load) cards() int {
	return min(max(1, int(l.last.Seconds()*float64(l.rate))/(3*minTurns)), maxCards)
}

// run sends the payments and waits for every answer. The load ends early when ctx does, and what is under
// way is then still waited for; all of it is given up when alive ends. told hears of each answer.
func (l load) run(ctx, alive context.Context, told func(n int)) []Sent {
	client := &http.Client{
		Timeout: payTime,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConnsPerHost: inFlight,
		},
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, l.last)
	defer cancel()
	ticks := time.NewTicker(time.Second / time.Duration(l.rate))
	defer ticks.Stop()
	free := make(chan struct{}, inFlight)
	var (
		mu    sync.Mutex
		sent  []Sent
		tasks sync.WaitGroup
	)
	for n := 1; await(ctx, alive, ticks.C, free); n++ {
		tasks.Go(func() {
			defer func() { <-free }()
			id := fmt.Sprintf("%s-%05d", l.prefix, n)
			err := pay(alive, client, l.url, shop.Purchase{
				ID: id, SKU: fmt.Sprintf("sku-%d", n%9), Card: fmt.Sprintf("card-%d", n%l.cards()),
			})
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, Sent{ID: id, Err: err})
			told(len(sent))
		})
	}
	tasks.Wait()
	slices.SortFunc(sent, func(a, b Sent) int { return strings.Compare(a.ID, b.ID) })
	return sent
}

// await waits for the next tick and a place in free; it says false when the load is over.
func await(ctx, alive context.Context, tick <-chan time.Time, free chan<- struct{}) bool {
	select {
	case <-tick:
	case <-ctx.Done():
		return false
	case <-alive.Done():
		return false
	}
	select {
	case free <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	case <-alive.Done():
		return false
	}
}

// pay sends a payment and checks its answer.
func pay(ctx context.Context, client *http.Client, url string, want shop.Purchase) error {
	body, err := json.Marshal(want)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/pay", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(got))
	}
	var receipt shop.Receipt
	if err := json.Unmarshal(got, &receipt); err != nil {
		return fmt.Errorf("read the receipt: %w", err)
	}
	if receipt.ID != want.ID || receipt.Entry < 1 {
		return fmt.Errorf("the receipt is not for this payment: %s", got)
	}
	return nil
}
