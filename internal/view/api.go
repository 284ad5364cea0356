package view

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/calltree"
	"github.com/clewhq/clew/internal/store"
)

// schemaVersion grows when a field changes its meaning or goes; new fields may
// come at any time. Nanoseconds are strings: they have more digits than a
// JavaScript number holds.
const schemaVersion = 1

// How many transactions and rows one answer holds.
const (
	defaultTraces = 100
	maxTraces     = 1000
	defaultRows   = 500
	maxRows       = 5000
)

type errorAnswer struct {
	SchemaVersion int    `json:"schema_version"`
	Error         string `json:"error"`
}

type stateAnswer struct {
	SchemaVersion int    `json:"schema_version"`
	Version       string `json:"version"`
}

type runsAnswer struct {
	SchemaVersion int       `json:"schema_version"`
	Runs          []jsonRun `json:"runs"`
}

type jsonRun struct {
	Name          string `json:"name"`
	Note          string `json:"note,omitempty"`
	Control       bool   `json:"control"`
	Traces        int    `json:"traces"`
	Spans         int    `json:"spans"`
	Bytes         int64  `json:"bytes"`
	EvictedTraces uint64 `json:"evicted_traces"`
	EvictedSpans  uint64 `json:"evicted_spans"`
	Duplicates    uint64 `json:"duplicate_spans"`
	Dropped       uint64 `json:"dropped_spans"`
}

type tracesAnswer struct {
	SchemaVersion int           `json:"schema_version"`
	Run           string        `json:"run"`
	Traces        []jsonSummary `json:"traces"`
}

type jsonSummary struct {
	TraceID    string   `json:"trace_id"`
	Entry      string   `json:"entry"`
	Service    string   `json:"service"`
	Start      int64    `json:"start_unix_nano,string"`
	Duration   int64    `json:"duration_nano,string"`
	Work       int64    `json:"work_nano,string"`
	Failed     bool     `json:"failed"`
	Spans      int      `json:"spans"`
	Services   []string `json:"services"`
	Errors     int      `json:"errors"`
	Roots      int      `json:"roots"`
	Lost       int      `json:"lost_parents"`
	Duplicates int      `json:"duplicates"`
	Dropped    int      `json:"dropped"`
	Complete   bool     `json:"complete"`
}

type traceAnswer struct {
	SchemaVersion int    `json:"schema_version"`
	Run           string `json:"run"`
	jsonSummary
	Cycles int       `json:"cycles_cut"`
	Rows   int       `json:"rows"`
	From   int       `json:"from"`
	Tree   []jsonRow `json:"tree"`
}

type jsonRow struct {
	SpanID     string            `json:"span_id"`
	ParentID   string            `json:"parent_span_id,omitempty"`
	LostSpan   bool              `json:"lost_span,omitempty"`
	Depth      int               `json:"depth"`
	Parent     int               `json:"parent_row"`
	Name       string            `json:"name,omitempty"`
	Service    string            `json:"service,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	Status     string            `json:"status,omitempty"`
	Start      int64             `json:"start_nano,string"`
	Gap        int64             `json:"gap_nano,string"`
	Exec       int64             `json:"exec_nano,string"`
	Self       int64             `json:"self_nano,string"`
	Lane       int               `json:"lane"`
	Lanes      int               `json:"lanes"`
	Marks      []string          `json:"marks,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

func (h *handler) serveState(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, stateAnswer{schemaVersion, version(h.runs())})
}

// version is a text that changes whenever any run does.
func version(runs []Run) string {
	var parts []string
	for _, r := range runs {
		parts = append(parts, strconv.FormatUint(r.Source.Stats().Version, 10))
	}
	return strings.Join(parts, ".")
}

func (h *handler) serveRuns(w http.ResponseWriter, _ *http.Request) {
	answer := runsAnswer{SchemaVersion: schemaVersion, Runs: []jsonRun{}}
	for _, r := range h.runs() {
		s := r.Source.Stats()
		answer.Runs = append(answer.Runs, jsonRun{
			Name: r.Name, Note: r.Note, Control: r.Control, Traces: s.Traces, Spans: s.Spans, Bytes: s.Bytes,
			EvictedTraces: s.EvictedTraces, EvictedSpans: s.EvictedSpans, Duplicates: s.Duplicates, Dropped: s.Dropped,
		})
	}
	writeJSON(w, http.StatusOK, answer)
}

func (h *handler) serveTraces(w http.ResponseWriter, req *http.Request) {
	runs, q := h.runs(), req.URL.Query()
	limit, err := number(q, "limit", defaultTraces, 1, maxTraces)
	n, runErr := number(q, "run", 0, 0, len(runs)-1)
	if err == nil {
		err = runErr
	}
	if err != nil {
		refuse(w, req, http.StatusBadRequest, err.Error())
		return
	}
	answer := tracesAnswer{SchemaVersion: schemaVersion, Run: runs[n].Name, Traces: []jsonSummary{}}
	for _, s := range newest(runs[n], q.Get("q"), limit) {
		answer.Traces = append(answer.Traces, summaryJSON(&runs[n], &s))
	}
	writeJSON(w, http.StatusOK, answer)
}

// newest answers up to limit transactions that fit the query, of the newest.
func newest(r Run, query string, limit int) []store.Summary {
	n := limit
	if strings.TrimSpace(query) != "" {
		n = maxTraces
	}
	found := r.filter(r.Source.Newest(n), query)
	return found[:min(limit, len(found))]
}

func (h *handler) serveTrace(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	id, err := oteltrace.TraceIDFromHex(strings.ToLower(req.PathValue("id")))
	if err != nil {
		refuse(w, req, http.StatusBadRequest, fmt.Sprintf("trace id %.40q: want 32 hex digits, not all zero", req.PathValue("id")))
		return
	}
	t, run, ok := find(h.runs(), id)
	if !ok {
		refuse(w, req, http.StatusNotFound, "trace "+id.String()+" is not held: it has not come, or has gone to make room")
		return
	}
	tree := calltree.Build(t.Spans)
	from, err := number(q, "from", 0, 0, len(tree.Rows))
	limit, limitErr := number(q, "limit", defaultRows, 1, maxRows)
	if err == nil {
		err = limitErr
	}
	if err != nil {
		refuse(w, req, http.StatusBadRequest, err.Error())
		return
	}
	answer := traceAnswer{
		SchemaVersion: schemaVersion, Run: run.Name, jsonSummary: summaryJSON(&run, &t.Summary),
		Cycles: tree.Cycles, Rows: len(tree.Rows), From: from, Tree: []jsonRow{},
	}
	for i := range tree.Rows[from:min(from+limit, len(tree.Rows))] {
		answer.Tree = append(answer.Tree, rowJSON(&tree.Rows[from+i]))
	}
	writeJSON(w, http.StatusOK, answer)
}

func summaryJSON(r *Run, s *store.Summary) jsonSummary {
	return jsonSummary{
		TraceID: s.TraceID.String(), Entry: s.Entry, Service: s.Service, Start: s.Start, Duration: s.Duration,
		Work: s.End - s.Start, Failed: s.Failed, Spans: s.Spans, Services: s.Services, Errors: s.Errors,
		Roots: s.Roots, Lost: s.Lost, Duplicates: s.Duplicates, Dropped: s.Dropped, Complete: r.whole(s),
	}
}

func rowJSON(r *calltree.Row) jsonRow {
	row := jsonRow{
		SpanID: r.ID.String(), LostSpan: r.Span == nil, Depth: r.Depth, Parent: r.Parent,
		Start: r.Start, Gap: r.Gap, Exec: r.Exec, Self: r.Self, Lane: r.Lane, Lanes: r.Lanes,
	}
	for _, m := range marksOf(r) {
		row.Marks = append(row.Marks, m.Name)
	}
	s := r.Span
	if s == nil {
		return row
	}
	row.Name, row.Service, row.Kind, row.Status = s.Name, s.Service, s.Kind.String(), s.Status.String()
	if s.ParentID.IsValid() {
		row.ParentID = s.ParentID.String()
	}
	if len(s.Attrs) > 0 {
		row.Attributes = make(map[string]string, len(s.Attrs))
		for _, a := range s.Attrs {
			row.Attributes[a.Key] = a.Value
		}
	}
	return row
}

// number reads a whole number between least and most from a query.
func number(q url.Values, name string, fallback, least, most int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s=%.20s: want a whole number from %d to %d", name, text, least, most)
	}
	return n, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // our own plain structs
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the reader may have gone
}
