package conform

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Normalize returns each span of a run as text that another run of the same program has too, sorted,
// and what is wrong with the run in itself. Spans are told apart by their names, which must differ.
//
// An id that belongs to a span of the run stands as that span's name, and a trace id as the first name
// in the trace, and one that is nobody's as such. A time within the run stands as "now". The trace state of links is left out: the SDK's
// exporter loses it.
func Normalize(r Run) (spans, wrong []string) {
	n := naming{spans: map[string]string{}, traces: map[string]string{}, run: r}
	n.learn()
	for _, rs := range r.Spans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				n.check(s)
				spans = append(spans, n.text(rs, ss, s))
			}
		}
	}
	slices.Sort(spans)
	return spans, n.wrong
}

type naming struct {
	run    Run
	spans  map[string]string // by id
	traces map[string]string
	wrong  []string
}

func (n *naming) learn() {
	for _, rs := range n.run.Spans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				if other, ok := n.spans[string(s.SpanId)]; ok {
					n.wrong = append(n.wrong, fmt.Sprintf("%s and %s have the same span id", other, s.Name))
				}
				n.spans[string(s.SpanId)] = s.Name
				if first, ok := n.traces[string(s.TraceId)]; !ok || s.Name < first {
					n.traces[string(s.TraceId)] = s.Name
				}
			}
		}
	}
}

// check finds what is wrong about times that the provider took.
func (n *naming) check(s *tracepb.Span) {
	if !n.now(s.StartTimeUnixNano) {
		return // set by the program
	}
	if n.now(s.EndTimeUnixNano) && s.EndTimeUnixNano < s.StartTimeUnixNano {
		n.wrong = append(n.wrong, s.Name+" ends before it starts")
	}
	for _, e := range s.Events {
		if n.now(e.TimeUnixNano) && e.TimeUnixNano < s.StartTimeUnixNano {
			n.wrong = append(n.wrong, fmt.Sprintf("event %s of %s is before its start", e.Name, s.Name))
		}
		if n.now(e.TimeUnixNano) && n.now(s.EndTimeUnixNano) && e.TimeUnixNano > s.EndTimeUnixNano {
			n.wrong = append(n.wrong, fmt.Sprintf("event %s of %s is after its end", e.Name, s.Name))
		}
	}
}

// slack: the wall clock may be adjusted while a monotonic one is added to.
const slack = 50 * time.Millisecond

func (n *naming) now(nanos uint64) bool {
	t := time.Unix(0, int64(nanos))
	return !t.Before(n.run.From.Add(-slack)) && !t.After(n.run.To.Add(slack))
}

func (n *naming) text(rs *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, s *tracepb.Span) string {
	s = proto.Clone(s).(*tracepb.Span)
	trace, span, parent := n.trace(s.TraceId), n.span(s.SpanId), n.span(s.ParentSpanId)
	start, end := n.time(&s.StartTimeUnixNano), n.time(&s.EndTimeUnixNano)
	s.TraceId, s.SpanId, s.ParentSpanId = nil, nil, nil
	var links, events []string
	for _, l := range s.Links {
		links = append(links, n.trace(l.TraceId)+"/"+n.span(l.SpanId))
		l.TraceId, l.SpanId, l.TraceState = nil, nil, ""
	}
	for _, e := range s.Events {
		events = append(events, n.time(&e.TimeUnixNano))
	}
	resource, scope := proto.Clone(rs.Resource).(interface {
		proto.Message
		GetAttributes() []*commonpb.KeyValue
	}), ss.Scope
	slices.SortFunc(resource.GetAttributes(), func(a, b *commonpb.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	return fmt.Sprintf("%s: trace %s, id %s, parent %q, from %s to %s, links %s, events %s\n%s\nin %s %s %q of %s %q\n", s.Name, trace, span, parent,
		start, end, links, events, text(s), text(scope), ss.SchemaUrl, scope.GetName(), text(resource), rs.SchemaUrl)
}

// text is the same for equal messages, of one version of the library.
func text(m proto.Message) string {
	b, err := protojson.MarshalOptions{Multiline: true}.Marshal(m)
	if err != nil {
		return err.Error()
	}
	// protojson puts spaces in at random, so that nobody compares its output byte for byte.
	return string(compact(b))
}

func (n *naming) time(t *uint64) string {
	was := *t
	*t = 0
	if n.now(was) {
		return "now"
	}
	return fmt.Sprint(was)
}

func (n *naming) trace(id []byte) string { return named(n.traces, id) }
func (n *naming) span(id []byte) string  { return named(n.spans, id) }

func named(names map[string]string, id []byte) string {
	if len(id) == 0 {
		return ""
	}
	if name, ok := names[string(id)]; ok {
		return name
	}
	// What a program makes up has zeros where others are random.
	if len(id) == 16 && bytes.HasPrefix(id, []byte{remoteTrace, 1, 0, 0, 0, 0, 0}) || bytes.HasSuffix(id, []byte{2, 3, 0, 0, 0, 0, 0}) {
		return hex.EncodeToString(id)
	}
	return "not delivered"
}
