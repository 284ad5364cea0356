package demo

import (
	"context"
	"fmt"
	"strings"
)

// SchemaVersion is the version of a [Report] in JSON.
const SchemaVersion = 1

// Report is what the demo found.
type Report struct {
	Verdict
	// Control is the same shop with propagation switched off.
	Control Verdict `json:"control"`
	Checks  []Check `json:"checks"`
	// Interrupted says that the demo was ended before its time; checks that then had nothing to look at
	// were not made.
	Interrupted bool   `json:"interrupted,omitempty"`
	Page        string `json:"page"`
	// Heap is where the page has heapdiff's report on the ledger.
	Heap  string `json:"heap_report"`
	Redis string `json:"redis"`
	// Grep is the command that finds the line of a payment in the gateway's request log, which is there until
	// the demo is closed.
	Grep string `json:"-"`

	with, without example
	heap          *ledgerHeap
	spike         *spike
}

// report makes the checks.
func (e *evidence) report(ctx context.Context) *Report {
	r := &Report{
		Verdict: e.with.verdict, Interrupted: e.interrupted, Page: e.page, Heap: e.page + heapPath,
		Redis: e.redis.Addr + ", " + e.redis.Note, heap: e.with.heap, spike: e.spike,
	}
	r.with, r.Grep = e.with.example(), e.with.logged.command
	if e.without != nil {
		r.Control, r.without = e.without.verdict, e.without.example()
	}
	for _, check := range checks {
		if c, made := check(ctx, e); made {
			r.Checks = append(r.Checks, c)
		}
	}
	return r
}

// Failed says in a line which checks did not pass; empty when all did.
func (r *Report) Failed() string {
	var names []string
	for _, c := range r.Checks {
		if !c.OK {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d checks did not pass: %s", len(names), len(r.Checks), strings.Join(names, "; "))
}
