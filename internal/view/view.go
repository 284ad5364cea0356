package view

import (
	"net/http"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

// Source is where traces are read from; [store.Memory] is one. Its methods are
// called from many goroutines at once.
type Source interface {
	// Newest answers the n traces that started last, the newest first.
	Newest(n int) []store.Summary
	// Trace answers the trace of that id.
	Trace(id oteltrace.TraceID) (store.Trace, bool)
	// Stats answers what the source holds; its Version tells whether anything
	// has changed.
	Stats() store.Stats
}

// Run is a source under a name. Where there are several they are shown beside
// each other, such as a run and its control.
type Run struct {
	Name string // "with clew"
	Note string // a sentence about it, may be empty
	// Control marks what is there only to compare with; it is shown greyed.
	Control bool
	Source  Source
	// Torn, if given, reports whether a trace that hangs together by itself is
	// known to be only a part of a transaction. It is then not shown as
	// complete. It is called from many goroutines at once.
	Torn func(*store.Summary) bool
}

// whole reports whether nothing of the transaction is missing, as far as is
// known.
func (r *Run) whole(s *store.Summary) bool {
	return s.Complete() && (r.Torn == nil || !r.Torn(s))
}

// Options are a page's settings. The zero value works.
type Options struct {
	// Hosts are the names beside localhost and IP addresses under which the
	// page may be opened. Others are refused: a name of somebody else's that
	// points here would give that somebody's scripts access.
	Hosts []string
	// HTTPEndpoint and GRPCEndpoint are the URLs that senders reach the
	// receiver at; the empty page tells them. Empty ones are left out.
	HTTPEndpoint, GRPCEndpoint string
	// Status, if given, answers lines to be shown in the head, such as counts
	// of what was received. It is called for every page.
	Status func() []string
}

// handler serves the page.
type handler struct {
	runs func() []Run
	opts Options
}

// New makes the handler of the page and its API. Runs is called for every
// request and answers at least one run, always in the same order; further ones
// may come in time.
func New(runs func() []Run, o Options) http.Handler {
	h := &handler{runs: runs, opts: o}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", h.servePage)
	mux.Handle("/static/", serveStatic())
	mux.HandleFunc("/api/v1/state", h.serveState)
	mux.HandleFunc("/api/v1/runs", h.serveRuns)
	mux.HandleFunc("/api/v1/traces", h.serveTraces)
	mux.HandleFunc("/api/v1/traces/{id}", h.serveTrace)
	return guard(mux, o.Hosts)
}

// Single is the answer of a caller that has one source only.
func Single(s Source) func() []Run {
	runs := []Run{{Name: "transactions", Source: s}}
	return func() []Run { return runs }
}

// find looks for a trace in all runs.
func find(runs []Run, id oteltrace.TraceID) (store.Trace, Run, bool) {
	for _, r := range runs {
		if t, ok := r.Source.Trace(id); ok {
			return t, r, true
		}
	}
	return store.Trace{}, Run{}, false
}
