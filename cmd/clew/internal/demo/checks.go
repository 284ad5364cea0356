package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
)

// Check is one thing that the demo proves, or fails to.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Evidence is what was seen: figures, ids, URLs.
	Evidence string `json:"evidence"`
	// Skipped says that it was not looked at, for want of what Evidence names. OK is then true, as nothing
	// has failed.
	Skipped bool `json:"skipped,omitempty"`
}

// evidence is what the checks look at.
type evidence struct {
	with, without *outcome // without is nil when the demo was interrupted before it
	redis         shop.Ready
	page          string // its URL
	interrupted   bool   // before its time
	spike         *spike // nil when the demo was too short for it, or interrupted before
}

// check looks at the evidence. It is not made when the demo was interrupted before there was any.
type check func(ctx context.Context, e *evidence) (c Check, made bool)

// checks are all that the demo proves, in the order in which they are told.
var checks = []check{
	checkAnswered,
	checkWhole,
	checkNothingLost,
	checkHops,
	checkProcesses,
	checkPage,
	checkControl,
	checkSameWork,
	checkRequestLog,
	checkLeak,
	checkScript,
	checkSpike,
}

func checkAnswered(_ context.Context, e *evidence) (Check, bool) {
	c := Check{Name: "every payment is answered", OK: true}
	var said []string
	for _, o := range e.outcomes() {
		failed := 0
		for _, s := range o.sent {
			if s.Err != nil {
				failed++
			}
		}
		c.OK = c.OK && failed == 0 && len(o.sent) > 0
		said = append(said, fmt.Sprintf("%d of %d %s clew", len(o.sent)-failed, len(o.sent), o.name))
	}
	c.Evidence = strings.Join(said, ", ")
	return c, true
}

func checkWhole(_ context.Context, e *evidence) (Check, bool) {
	v := e.with.verdict
	c := Check{Name: "every payment is one whole trace", OK: v.Complete == v.Requests && v.Requests > 0}
	c.Evidence = fmt.Sprintf("%d of %d, each one root and %d hops", v.Complete, v.Requests, len(v.Hops))
	if len(v.Faults) > 0 {
		c.Evidence += "; " + strings.Join(v.Faults, "; ")
	}
	return c, true
}

func checkNothingLost(_ context.Context, e *evidence) (Check, bool) {
	v := e.with.verdict
	return Check{
		Name: "no span is lost", OK: v.Orphans == 0 && v.Spans > 0,
		Evidence: fmt.Sprintf("%d of %d spans are out of reach of their payment", v.Orphans, v.Spans),
	}, true
}

func checkHops(_ context.Context, e *evidence) (Check, bool) {
	v := e.with.verdict
	c := Check{Name: "every hop is taken once a payment", OK: len(v.Hops) > 0}
	var names, wrong []string
	for _, h := range v.Hops {
		names = append(names, h.Name)
		if h.Count != v.Requests {
			wrong = append(wrong, fmt.Sprintf("%s %s %d times", h.Service, h.Name, h.Count))
		}
	}
	c.Evidence = fmt.Sprintf("%d times each: %s", v.Requests, strings.Join(names, ", "))
	if len(wrong) > 0 {
		c.OK, c.Evidence = false, fmt.Sprintf("%d payments, but %s", v.Requests, strings.Join(wrong, ", "))
	}
	return c, true
}

func checkProcesses(_ context.Context, e *evidence) (Check, bool) {
	c := Check{Name: "the spans come from four processes", OK: true}
	seen := e.with.processes()
	var said []string
	for _, name := range []string{shop.Gateway, shop.Order, shop.Payment, shop.Ledger} {
		want, got := e.with.pids[name], seen[name]
		c.OK = c.OK && slices.Equal(got, []int{want})
		said = append(said, fmt.Sprintf("%s started as %d, spans from %v", name, want, got))
	}
	c.Evidence = strings.Join(said, ", ")
	return c, true
}

func checkPage(ctx context.Context, e *evidence) (Check, bool) {
	c := Check{Name: "the page shows a payment with all its hops"}
	shown := e.with.example()
	if len(shown.spans) == 0 {
		c.Evidence = "there is no whole payment to show"
		return c, true
	}
	url, err := pageShows(ctx, e.page, shown.trace, shop.Hops())
	if err != nil {
		c.Evidence = err.Error()
		return c, true
	}
	c.OK, c.Evidence = true, fmt.Sprintf("%s names all %d hops, and the list leads there", url, len(shop.Hops()))
	return c, true
}

func checkControl(_ context.Context, e *evidence) (Check, bool) {
	if e.without == nil {
		return Check{}, false
	}
	v := e.without.verdict
	return Check{
		Name: "without clew the same payments fall apart", OK: v.Orphans > 0 && v.Complete < v.Requests,
		Evidence: fmt.Sprintf("%d of %d payments whole, %d of %d spans lost, %.1f traces a payment",
			v.Complete, v.Requests, v.Orphans, v.Spans, ratio(v.Traces, v.Requests)),
	}, true
}

func checkSameWork(_ context.Context, e *evidence) (Check, bool) {
	c := Check{Name: "the ledger booked every payment once", OK: true}
	var said []string
	for _, o := range e.outcomes() {
		var want []string
		for _, s := range o.sent {
			want = append(want, s.ID)
		}
		got := slices.Sorted(slices.Values(o.booked))
		c.OK = c.OK && slices.Equal(got, want)
		said = append(said, fmt.Sprintf("%s holds %d of %d", shop.EntriesKey(o.name), len(got), len(want)))
	}
	c.Evidence = fmt.Sprintf("Redis at %s (%s): %s", e.redis.Addr, e.redis.Note, strings.Join(said, ", "))
	return c, true
}

// outcomes are those of the runs that were made.
func (e *evidence) outcomes() []*outcome {
	if e.without == nil {
		return []*outcome{e.with}
	}
	return []*outcome{e.with, e.without}
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
