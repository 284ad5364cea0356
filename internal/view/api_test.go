package view

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/store"
)

func TestAPI(t *testing.T) {
	h := New(twoRuns(t), Options{})
	tests := []struct{ target, want string }{
		{"/api/v1/state", `{"schema_version":1,"version":"7.2"}`},
		{"/api/v1/traces?run=1&limit=1", `{"schema_version":1,"run":"without","traces":[{
			"trace_id":"00000000000000000000000000000003","entry":"POST /pay","service":"gateway",
			"start_unix_nano":"1795348803000000000","duration_nano":"140000000","work_nano":"140000000","failed":false,"spans":2,
			"services":["gateway","ledger"],"errors":0,"roots":1,"lost_parents":1,"duplicates":0,"dropped":0,"complete":false}]}`},
		{"/api/v1/traces/00000000000000000000000000000002?from=2&limit=1", `{"schema_version":1,"run":"with clew",
			"trace_id":"00000000000000000000000000000002","entry":"POST /pay","service":"gateway",
			"start_unix_nano":"1795348802000000000","duration_nano":"140000000","work_nano":"1380000000","failed":false,"spans":6,
			"services":["gateway","ledger"],"errors":1,"roots":1,"lost_parents":0,"duplicates":0,"dropped":0,"complete":true,
			"cycles_cut":0,"rows":6,"from":2,"tree":[{
				"span_id":"0000000000000003","parent_span_id":"0000000000000002","depth":2,"parent_row":1,
				"name":"POST /book","service":"ledger","kind":"server","status":"error",
				"start_nano":"4000000","gap_nano":"2000000","exec_nano":"126000000","self_nano":"76000000","lane":0,"lanes":1,
				"attributes":{"http.route":"/book"}}]}`},
		{"/api/v1/traces/00000000000000000000000000000003?from=1&limit=1", `{"schema_version":1,"run":"without",
			"trace_id":"00000000000000000000000000000003","entry":"POST /pay","service":"gateway",
			"start_unix_nano":"1795348803000000000","duration_nano":"140000000","work_nano":"140000000","failed":false,"spans":2,
			"services":["gateway","ledger"],"errors":0,"roots":1,"lost_parents":1,"duplicates":0,"dropped":0,"complete":false,
			"cycles_cut":0,"rows":3,"from":1,"tree":[{
				"span_id":"0000000000000063","lost_span":true,"depth":0,"parent_row":-1,
				"start_nano":"4000000","gap_nano":"4000000","exec_nano":"126000000","self_nano":"0","lane":1,"lanes":2}]}`},
	}
	for _, tt := range tests {
		w := ask(t, h, tt.target)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d in %q", tt.target, w.Code, w.Header().Get("Content-Type"))
		}
		if diff := cmp.Diff(decoded(t, tt.want), decoded(t, w.Body.String())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.target, diff)
		}
	}
}

func TestAPIRuns(t *testing.T) {
	m := store.NewMemory(1)
	put(t, m, 1, payment()[0])
	put(t, m, 2, payment()[0], payment()[0])
	bytes := m.Stats().Bytes
	var got runsAnswer
	if err := json.Unmarshal(ask(t, New(Single(m), Options{}), "/api/v1/runs").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := runsAnswer{SchemaVersion: 1, Runs: []jsonRun{{
		Name: "transactions", Traces: 1, Spans: 1, Bytes: bytes, EvictedTraces: 1, EvictedSpans: 1, Duplicates: 1,
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestAPIErrors(t *testing.T) {
	h := New(twoRuns(t), Options{})
	tests := []struct {
		target string
		status int
		want   string
	}{
		{"/api/v1/traces?limit=0", 400, "limit=0: want a whole number from 1 to 1000"},
		{"/api/v1/traces?limit=many", 400, "limit=many"},
		{"/api/v1/traces?run=2", 400, "run=2: want a whole number from 0 to 1"},
		{"/api/v1/traces/12", 400, "want 32 hex digits"},
		{"/api/v1/traces/000000000000000000000000000000aa", 404, "is not held"},
		{"/api/v1/traces/00000000000000000000000000000002?from=7", 400, "from=7: want a whole number from 0 to 6"},
		{"/api/v1/traces/00000000000000000000000000000002?limit=9999", 400, "limit=9999"},
	}
	for _, tt := range tests {
		w := ask(t, h, tt.target)
		var got errorAnswer
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s: %v in %s", tt.target, err, w.Body)
		}
		if w.Code != tt.status || got.SchemaVersion != 1 || !strings.Contains(got.Error, tt.want) {
			t.Errorf("%s: %d %+v, want %d with %q", tt.target, w.Code, got, tt.status, tt.want)
		}
	}
	if w := ask(t, h, "/api/v2/traces"); w.Code != http.StatusNotFound {
		t.Errorf("an address nobody serves: %d, want 404", w.Code)
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
