package demo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/internal/store"
)

// run is one of the demo's two runs.
type run struct {
	name        string // "with" or "without"
	propagation string // the switch of the services
	namespace   string // service.namespace of their spans
	id          string // value of runKey
	silent      bool   // it sends no spans: it is about something else
	script      bool   // after the load, payments run a slow script in Redis
}

// runKey is the resource attribute that tells the spans of a run from all others: the receiver takes what
// anybody on this machine sends.
const runKey = "shop.run"

// outcome is what came of a run.
type outcome struct {
	run
	sent    []Sent // sorted by id
	traces  map[oteltrace.TraceID][]store.Span
	verdict Verdict
	pids    map[string]int // of the services, by name
	booked  []string       // the ledger's entries in Redis: ids of payments
	logged  logged         // the gateway's request log
	cards   int            // that paid, in turn
	heap    *ledgerHeap    // of the ledger
	watched int            // payments of which the heap tells
	script  *slowScript    // nil when there was none, or it was interrupted
	aside   time.Duration  // what that took
}

// tracesOf are the spans of a run, by trace.
func tracesOf(spans *store.Memory, run string) map[oteltrace.TraceID][]store.Span {
	traces := map[oteltrace.TraceID][]store.Span{}
	for t := range spans.All() {
		for _, s := range t.Spans {
			if attr(s.Resource.Attrs, runKey) == run {
				traces[t.TraceID] = append(traces[t.TraceID], s)
			}
		}
	}
	return traces
}

// attr is the value of an attribute, empty when it is not there.
func attr(attrs []store.Attr, key string) string {
	for _, a := range attrs {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// processes are the process ids that the spans name, by service.
func (o *outcome) processes() map[string][]int {
	pids := map[string][]int{}
	for _, spans := range o.traces {
		for i := range spans {
			name := spans[i].Service
			pid, err := strconv.Atoi(attr(spans[i].Resource.Attrs, "process.pid"))
			if err == nil && !slices.Contains(pids[name], pid) {
				pids[name] = append(pids[name], pid)
			}
		}
	}
	return pids
}

// example is a payment to show, and what of it lies in its trace.
type example struct {
	payment string
	trace   oteltrace.TraceID
	spans   []store.Span
}

// example is the last payment that was answered; it has no spans when there is none.
func (o *outcome) example() example {
	for _, s := range slices.Backward(o.sent) {
		if id, ok := o.verdict.Entries[s.ID]; ok && s.Err == nil {
			return example{s.ID, id, o.traces[id]}
		}
	}
	return example{}
}

// booked are the entries that the ledger of a run has written.
func booked(ctx context.Context, addr, password, run string) ([]string, error) {
	client := redis.NewClient(&redis.Options{Addr: addr, Password: password})
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	entries, err := client.LRange(ctx, shop.EntriesKey(run), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the ledger's entries: %w", err)
	}
	return entries, nil
}
