package demo

import (
	"context"
	"errors"
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"
)

func TestCheckRequestLog(t *testing.T) {
	one, two := oteltrace.TraceID{1}, oteltrace.TraceID{2}
	line := func(id oteltrace.TraceID, status string) []byte {
		return []byte(`{"trace":{"id":"` + id.String() + `"},"http":{"route":"/pay","response":{"status_code":` + status + "}}}\n")
	}
	for _, c := range []struct {
		name   string
		change func(*logged)
		ok     bool
		says   string
	}{
		{"whole", func(*logged) {}, true, "2 documents for 2 payments with clew, 2 under their trace, 0 missing; clew grep finds POST /pay 201"},
		{"one lost", func(l *logged) { delete(l.traces, two.String()); l.missing = 1 }, false, "1 documents for 2 payments"},
		{"one twice", func(l *logged) { l.traces[two.String()] = 2 }, false, "3 documents for 2 payments with clew, 1 under"},
		{"one too many", func(l *logged) { l.traces["other"] = 1 }, false, "3 documents"},
		{"another trace", func(l *logged) { l.traces = map[string]int{one.String(): 1, "other": 1} }, false, "2 documents for 2 payments with clew, 1 under"},
		{"grep fails", func(l *logged) { l.err = errors.New("exit status 1") }, false, "exit status 1"},
		{"grep finds nothing", func(l *logged) { l.found = nil }, false, "not the one line"},
		{"grep finds two", func(l *logged) { l.found = append(l.found, l.found...) }, false, "not the one line"},
		{"grep finds another", func(l *logged) { l.found = line(two, "201") }, false, "another request"},
		{"it had failed", func(l *logged) { l.found = line(one, "502") }, false, "another request"},
		{"no example", func(l *logged) { l.command = "" }, false, "no whole payment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := logged{
				traces: map[string]int{one.String(): 1, two.String(): 1}, command: "clew grep", want: one.String(), found: line(one, "201"),
			}
			c.change(&l)
			o := &outcome{run: run{name: "with"}, sent: []Sent{{ID: "a"}, {ID: "b"}}, logged: l}
			o.verdict.Entries = map[string]oteltrace.TraceID{"a": one, "b": two}
			got, made := checkRequestLog(context.Background(), &evidence{with: o})
			if !made || got.OK != c.ok || !strings.Contains(got.Evidence, c.says) {
				t.Errorf("%+v, want ok %v with %q", got, c.ok, c.says)
			}
		})
	}
}
