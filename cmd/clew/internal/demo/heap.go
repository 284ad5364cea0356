package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/heapdiff"
)

const (
	// profiles is how many snapshots are taken of the ledger's heap while the payments come.
	profiles = 8
	// minProfiles show a trend.
	minProfiles = 3
	// profileRate is the bytes from one sampled allocation of the ledger to the next. At the usual 512 KiB a
	// demo of some seconds would sample too little of its small heap to judge anything.
	profileRate = 4 << 10
	// minTurns is how often each card must have paid for its statement to be cached well before half-time.
	minTurns = 4
)

// ledgerHeap is what was seen of the ledger's heap during a run.
type ledgerHeap struct {
	snapshots []*heapdiff.Snapshot
	delta     *heapdiff.Delta // nil without snapshots
	err       error           // why there are not more
}

// watchLedger takes snapshots of the ledger's heap, spread over a time. The function that it returns ends
// that and answers what was seen.
func watchLedger(ctx context.Context, ledger *service, last time.Duration) func() *ledgerHeap {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan *ledgerHeap, 1)
	go func() {
		// The ledger is made to collect (gc=1): it allocates so little that it seldom would by itself.
		transport := &http.Transport{DisableKeepAlives: true}
		got, err := heapdiff.SnapGo(ctx, ledger.url()+"/debug/pprof/heap?gc=1", heapdiff.SnapGoOptions{
			Profiles: profiles, Every: last / profiles,
			Client: &http.Client{Transport: transport, Timeout: payTime},
		})
		for i, s := range got {
			s.Source = fmt.Sprintf("ledger-%d", i+1)
		}
		done <- &ledgerHeap{snapshots: got, err: err}
	}()
	return func() *ledgerHeap {
		cancel()
		h := <-done
		if len(h.snapshots) > 0 {
			var err error
			h.delta, err = heapdiff.Diff(h.snapshots...)
			h.err = errors.Join(h.err, err)
		}
		return h
	}
}

// checkLeak asks heapdiff which of what the ledger keeps is the leak. It is not made when the time was too
// short: so few payments were sent that the cache may not have been full by half-time, or so few snapshots
// could be taken that they show no trend.
func checkLeak(_ context.Context, e *evidence) (Check, bool) {
	h := e.with.heap
	hasty := len(h.snapshots) < minProfiles && errors.Is(h.err, context.Canceled)
	if e.interrupted || hasty || e.with.watched < minTurns*e.with.cards {
		return Check{}, false
	}
	return judgeHeap(h, shop.Leak(), shop.Cache()), true
}

// judgeHeap checks that the leak is the first suspect and the cache none, though there is one.
func judgeHeap(h *ledgerHeap, leak, cache string) Check {
	c := Check{Name: "heapdiff names the ledger's leak first, and not its cache"}
	if len(h.snapshots) < minProfiles || h.delta == nil {
		c.Evidence = fmt.Sprintf("%d snapshots of the ledger's heap, want %d", len(h.snapshots), minProfiles)
		if h.err != nil {
			c.Evidence += ": " + h.err.Error()
		}
		return c
	}
	cached := heldBy(h.delta, cache)
	c.Evidence = fmt.Sprintf("%d snapshots of the ledger: %s The cache (%s, %d kB) is not suspected.",
		len(h.snapshots), h.delta.Verdict, cache, cached/1000)
	switch suspects := h.delta.Suspects; {
	case len(suspects) == 0 || suspects[0].Holder != leak:
		c.Evidence = fmt.Sprintf("want %s as the first suspect: %s", leak, h.delta.Verdict)
	case slices.ContainsFunc(suspects, func(s heapdiff.Suspect) bool { return slices.Contains(s.Path, cache) }):
		c.Evidence = fmt.Sprintf("the cache %s is suspected: %s", cache, h.delta.Verdict)
	case cached == 0:
		c.Evidence = fmt.Sprintf("the cache %s holds nothing, so it proves nothing", cache)
	default:
		c.OK = true
	}
	return c
}

// heldBy is how many bytes the stacks through a function hold in the newest snapshot.
func heldBy(d *heapdiff.Delta, function string) (bytes int64) {
	for i := range d.Classes {
		newest := &d.Classes[i].At[len(d.Snapshots)-1]
		if slices.Contains(newest.Stack, function) {
			bytes += newest.ShallowBytes
		}
	}
	return bytes
}

// withSampleRate is the environment in which a Go program samples its heap at profileRate, whatever else
// GODEBUG says.
func withSampleRate(env []string) string {
	value := fmt.Sprintf("memprofilerate=%d", profileRate)
	for _, kv := range env {
		if old, ok := strings.CutPrefix(kv, "GODEBUG="); ok && old != "" {
			value = old + "," + value
		}
	}
	return "GODEBUG=" + value
}
