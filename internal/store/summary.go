package store

import (
	"slices"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// summary describes the trace as it stands, worked out once for each version
// of it. The store's lock is held, if only for reading.
func (t *entry) summary() Summary {
	if sum := t.summed.Load(); sum != nil && sum.Version == t.version {
		return *sum
	}
	sum := t.summarize()
	t.summed.Store(&sum)
	return sum
}

func (t *entry) summarize() Summary {
	sum := Summary{TraceID: t.id, Spans: len(t.spans), Duplicates: t.dup, Dropped: t.dropped, Version: t.version}
	ids := make(map[oteltrace.SpanID]struct{}, len(t.spans))
	services := map[string]struct{}{}
	for i := range t.spans {
		ids[t.spans[i].SpanID] = struct{}{}
		services[t.spans[i].Service] = struct{}{}
	}
	var root, orphan *Span
	sum.Start, sum.End = t.spans[0].Start, t.spans[0].Start
	for i := range t.spans {
		s := &t.spans[i]
		sum.Start, sum.End = min(sum.Start, s.Start), max(sum.End, s.Start, s.End)
		if s.Status == StatusError {
			sum.Errors++
		}
		if !s.ParentID.IsValid() {
			sum.Roots++
			root = earlier(root, s)
		} else if _, there := ids[s.ParentID]; !there {
			sum.Lost++
			orphan = earlier(orphan, s)
		}
	}
	entry := root
	if entry == nil {
		entry = orphan
	}
	if entry == nil { // parents in a circle
		for i := range t.spans {
			entry = earlier(entry, &t.spans[i])
		}
	}
	sum.Entry, sum.Service, sum.Kind = entry.Name, entry.Service, entry.Kind
	sum.Duration = max(0, entry.End-entry.Start)
	sum.Failed = entry.Status == StatusError
	for name := range services {
		sum.Services = append(sum.Services, name)
	}
	slices.Sort(sum.Services)
	return sum
}

// earlier answers whichever span starts first; a may be nil.
func earlier(a, b *Span) *Span {
	if a == nil || b.Start < a.Start {
		return b
	}
	return a
}
