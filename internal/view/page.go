package view

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

// place is where in the page somebody is. All of it is in the address.
type place struct {
	Trace string   // id of the transaction shown, if any
	Query string   // filter of the lists
	From  int      // first row of the tree that is shown
	Open  []string // span ids whose details are shown
}

func placeOf(q url.Values) place {
	p := place{Trace: strings.ToLower(strings.TrimSpace(q.Get("trace"))), Query: q.Get("q"), Open: q["span"]}
	if n, err := strconv.Atoi(q.Get("from")); err == nil && n > 0 {
		p.From = n
	}
	return p
}

// href is the address of a place.
func (p place) href() string {
	q := url.Values{}
	if p.Query != "" {
		q.Set("q", p.Query)
	}
	if p.Trace != "" {
		q.Set("trace", p.Trace)
		if p.From > 0 {
			q.Set("from", strconv.Itoa(p.From))
		}
		if len(p.Open) > 0 {
			q["span"] = p.Open
		}
	}
	return "/?" + q.Encode()
}

// toggled is p with the details of a span opened, or closed if they were open.
func (p place) toggled(spanID string) place {
	open := slices.DeleteFunc(slices.Clone(p.Open), func(id string) bool { return id == spanID })
	if len(open) == len(p.Open) {
		open = append(open, spanID)
	}
	p.Open = open
	return p
}

// page is what the template shows.
type page struct {
	Place    place
	Version  string
	Status   []string
	Lists    []list
	Tree     *tree
	Missing  string // why the transaction asked for is not shown
	Empty    bool   // nothing has come yet
	HTTP     string
	GRPC     string
	CloseURL string
}

// list is a run's newest transactions.
type list struct {
	Run
	Holds    string
	Filtered bool
	Rows     []listRow
}

type listRow struct {
	ID       string
	Href     string
	Current  bool
	Time     string
	FullTime string
	Name     string
	Service  string
	Duration string
	Spans    string
	Services int
	All      string // the services by name
	Errors   int
	State    state
}

// state says whether a transaction hangs together.
type state struct {
	Symbol string
	Text   string
	Title  string
	Class  string
}

func stateOf(r *Run, s *store.Summary) state {
	if !s.Complete() {
		return state{Symbol: "◌", Text: faults(s), Class: "broken"}
	}
	if !r.whole(s) {
		return state{Symbol: "◌", Text: "torn", Class: "broken", Title: "one tree, but only a part of a transaction"}
	}
	switch s.Kind {
	case oteltrace.SpanKindInternal, oteltrace.SpanKindClient, oteltrace.SpanKindProducer:
		return state{
			Symbol: "·", Text: "no request", Class: "soft",
			Title: "one tree, but neither a request nor a message began it: work of its own, or torn off a request",
		}
	}
	return state{Symbol: "✓", Text: "complete", Class: "good", Title: "one root, and every other span's parent is there"}
}

// faults says what keeps a transaction from hanging together.
func faults(s *store.Summary) string {
	var parts []string
	if s.Lost > 0 {
		parts = append(parts, strconv.Itoa(s.Lost)+" lost")
	}
	switch {
	case s.Roots > 1:
		parts = append(parts, strconv.Itoa(s.Roots)+" roots")
	case s.Roots == 0 && s.Lost == 0:
		parts = append(parts, "no root")
	}
	if s.Dropped > 0 {
		parts = append(parts, strconv.Itoa(s.Dropped)+" dropped")
	}
	return strings.Join(parts, ", ")
}

func (h *handler) servePage(w http.ResponseWriter, req *http.Request) {
	runs, at := h.runs(), placeOf(req.URL.Query())
	p := page{
		Place: at, Version: version(runs), HTTP: h.opts.HTTPEndpoint, GRPC: h.opts.GRPCEndpoint,
		CloseURL: place{Query: at.Query}.href(), Empty: true,
	}
	if h.opts.Status != nil {
		p.Status = h.opts.Status()
	}
	for _, r := range runs {
		l := newList(r, at)
		p.Empty = p.Empty && r.Source.Stats().Traces == 0
		p.Lists = append(p.Lists, l)
	}
	status := http.StatusOK
	if at.Trace != "" {
		if p.Tree, p.Missing = newTree(runs, at); p.Tree == nil {
			status = http.StatusNotFound
		}
	}
	var buf bytes.Buffer
	if err := pageTemplate.Execute(&buf, p); err != nil {
		refuse(w, req, http.StatusInternalServerError, "render the page: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // the reader may have gone
}

func newList(r Run, at place) list {
	stats := r.Source.Stats()
	l := list{
		Run: r, Filtered: strings.TrimSpace(at.Query) != "",
		Holds: count(int64(stats.Traces), "trace") + ", " + count(int64(stats.Spans), "span"),
	}
	if stats.EvictedTraces > 0 {
		l.Holds += ", " + thousands(int64(stats.EvictedTraces)) + " older ones gone to make room"
	}
	for _, s := range newest(r, at.Query, defaultTraces) {
		id := s.TraceID.String()
		l.Rows = append(l.Rows, listRow{
			ID: id, Href: place{Trace: id, Query: at.Query}.href(), Current: id == at.Trace,
			Time: clockTime(s.Start), FullTime: fullTime(s.Start),
			Name: visible(s.Entry), Service: visible(s.Service), Duration: millis(s.Duration),
			Spans: thousands(int64(s.Spans)), Services: len(s.Services), All: visible(strings.Join(s.Services, ", ")),
			Errors: s.Errors, State: stateOf(&r, &s),
		})
	}
	return l
}

// newTree answers the tree of the transaction asked for, or why there is none.
func newTree(runs []Run, at place) (*tree, string) {
	id, err := oteltrace.TraceIDFromHex(at.Trace)
	if err != nil {
		return nil, fmt.Sprintf("%.40q is no trace id: one has 32 hex digits", at.Trace)
	}
	t, run, ok := find(runs, id)
	if !ok || len(t.Spans) == 0 {
		return nil, "trace " + at.Trace + " is not held: it has not come, or has gone to make room"
	}
	return renderTree(&t, run, at, runs), ""
}
