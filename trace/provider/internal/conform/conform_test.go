package conform

import (
	"slices"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The SDK's exporters have a client of their own that keeps connections for a while.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	)
}

var limits = sdktrace.SpanLimits{
	AttributeValueLengthLimit: -1, AttributeCountLimit: 128, EventCountLimit: 128, LinkCountLimit: 128,
	AttributePerEventCountLimit: 128, AttributePerLinkCountLimit: 128,
}

// TestReference: what the SDK delivers in one run is what it delivers in another, and it is something.
func TestReference(t *testing.T) {
	for _, p := range Programs() {
		t.Run(p.Name, func(t *testing.T) {
			if run := Deliver(t, SDK, Options{Limits: limits}, p.Run); len(run.Spans) == 0 {
				t.Error("the program makes no spans")
			}
			Check(t, SDK, Options{Limits: limits, GRPC: true}, p.Run)
		})
	}
}

type fault func(rs *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, s *tracepb.Span) bool

// span is a fault of the span alone.
func span(f func(s *tracepb.Span) bool) fault {
	return func(_ *tracepb.ResourceSpans, _ *tracepb.ScopeSpans, s *tracepb.Span) bool { return f(s) }
}

// inject makes the fault in the first span where it can be made.
func inject(f fault, rs *tracepb.ResourceSpans) bool {
	for _, ss := range rs.ScopeSpans {
		for _, s := range ss.Spans {
			if f(rs, ss, s) {
				return true
			}
		}
	}
	return false
}

// faults are what a provider may do wrong: each changes what was delivered of one span, if it can, and
// says whether it has.
var faults = map[string]fault{
	"loses the span": func(_ *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, _ *tracepb.Span) bool {
		ss.Spans = ss.Spans[1:]
		return true
	},
	"sends the span twice": func(_ *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, s *tracepb.Span) bool {
		ss.Spans = append(ss.Spans, s)
		return true
	},
	"another trace": span(func(s *tracepb.Span) bool {
		return s.ParentSpanId != nil && change(s.TraceId)
	}),
	"another parent": span(func(s *tracepb.Span) bool {
		return change(s.ParentSpanId)
	}),
	"no parent": span(func(s *tracepb.Span) bool {
		return clearField(&s.ParentSpanId)
	}),
	"no trace state": span(func(s *tracepb.Span) bool {
		return clearString(&s.TraceState)
	}),
	"sampled flag": span(func(s *tracepb.Span) bool { s.Flags ^= 1; return true }),
	"remote flag": span(func(s *tracepb.Span) bool {
		s.Flags ^= 0x200
		return true
	}),
	"no name": span(func(s *tracepb.Span) bool {
		return clearString(&s.Name)
	}),
	"another kind": span(func(s *tracepb.Span) bool {
		s.Kind = (s.Kind + 1) % 6
		return true
	}),
	"starts a second late": span(func(s *tracepb.Span) bool {
		s.StartTimeUnixNano += 1e9
		return true
	}),
	"ends a second late": span(func(s *tracepb.Span) bool {
		s.EndTimeUnixNano += 1e9
		return true
	}),
	"ends at its start less 1": span(func(s *tracepb.Span) bool {
		s.EndTimeUnixNano = s.StartTimeUnixNano - 1
		return true
	}),
	"no end": span(func(s *tracepb.Span) bool {
		s.EndTimeUnixNano = 0
		return true
	}),
	"an attribute less": span(func(s *tracepb.Span) bool {
		return dropLast(&s.Attributes)
	}),
	"attributes out of order": span(func(s *tracepb.Span) bool { return turn(s.Attributes) }),
	"another key": span(func(s *tracepb.Span) bool {
		return onFirst(s.Attributes, func(kv *commonpb.KeyValue) { kv.Key += "x" })
	}),
	"another value": span(func(s *tracepb.Span) bool {
		return onFirst(s.Attributes, func(kv *commonpb.KeyValue) { kv.Value = &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{}} })
	}),
	"a text for a number": span(func(s *tracepb.Span) bool {
		i := slices.IndexFunc(s.Attributes, func(kv *commonpb.KeyValue) bool { return kv.Value.GetIntValue() != 0 })
		if i >= 0 {
			s.Attributes[i].Value = &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "1"}}
		}
		return i >= 0
	}),
	"dropped attributes": span(func(s *tracepb.Span) bool {
		s.DroppedAttributesCount++
		return true
	}),
	"dropped events": span(func(s *tracepb.Span) bool {
		s.DroppedEventsCount++
		return true
	}),
	"dropped links": span(func(s *tracepb.Span) bool {
		s.DroppedLinksCount++
		return true
	}),
	"an event less": span(func(s *tracepb.Span) bool {
		return dropLast(&s.Events)
	}),
	"events out of order": span(func(s *tracepb.Span) bool { return turn(s.Events) }),
	"an event before all": span(func(s *tracepb.Span) bool {
		return onFirst(s.Events, func(e *tracepb.Span_Event) { e.TimeUnixNano = s.StartTimeUnixNano - 1 })
	}),
	"an event an hour late": span(func(s *tracepb.Span) bool {
		return onFirst(s.Events, func(e *tracepb.Span_Event) { e.TimeUnixNano += 3600e9 })
	}),
	"an event's attributes": span(func(s *tracepb.Span) bool {
		return len(s.Events) > 0 && dropLast(&s.Events[0].Attributes)
	}),
	"an event's dropped": span(func(s *tracepb.Span) bool {
		return onFirst(s.Events, func(e *tracepb.Span_Event) { e.DroppedAttributesCount++ })
	}),
	"a link less": span(func(s *tracepb.Span) bool { return dropLast(&s.Links) }),
	"a link elsewhere": span(func(s *tracepb.Span) bool {
		return len(s.Links) > 0 && change(s.Links[0].SpanId)
	}),
	"a link's flags": span(func(s *tracepb.Span) bool {
		return onFirst(s.Links, func(l *tracepb.Span_Link) { l.Flags ^= 0x200 })
	}),
	"a link's attributes": span(func(s *tracepb.Span) bool {
		return len(s.Links) > 0 && dropLast(&s.Links[0].Attributes)
	}),
	"another status": span(func(s *tracepb.Span) bool {
		s.Status.Code = (s.Status.Code + 1) % 3
		return true
	}),
	"a status without words": span(func(s *tracepb.Span) bool {
		return clearString(&s.Status.Message)
	}),
	"no status": span(func(s *tracepb.Span) bool {
		s.Status = nil
		return true
	}),
	"scope's name": func(_ *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, _ *tracepb.Span) bool {
		ss.Scope.Name += "x"
		return true
	},
	"scope's kv": func(_ *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, _ *tracepb.Span) bool {
		return dropLast(&ss.Scope.Attributes)
	},
	"scope's url": func(_ *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, _ *tracepb.Span) bool {
		return clearString(&ss.SchemaUrl)
	},
	"version": func(_ *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, _ *tracepb.Span) bool {
		return clearString(&ss.Scope.Version)
	},
	"resource's kv": func(rs *tracepb.ResourceSpans, _ *tracepb.ScopeSpans, _ *tracepb.Span) bool {
		return dropLast(&rs.Resource.Attributes)
	},
	"resource's url": func(rs *tracepb.ResourceSpans, _ *tracepb.ScopeSpans, _ *tracepb.Span) bool {
		return clearString(&rs.SchemaUrl)
	},
}

// TestFaultsAreSeen: each fault is found in every program where it can be made.
func TestFaultsAreSeen(t *testing.T) {
	made := map[string]int{}
	for _, p := range Programs() {
		good := Deliver(t, SDK, Options{Limits: limits}, p.Run)
		want, accepted := Normalize(good)
		for name, fault := range faults {
			bad := Run{From: good.From, To: good.To}
			for _, rs := range good.Spans {
				bad.Spans = append(bad.Spans, proto.Clone(rs).(*tracepb.ResourceSpans))
			}
			if !inject(fault, bad.Spans[0]) {
				continue
			}
			made[name]++
			if got, wrong := Normalize(bad); slices.Equal(want, got) && slices.Equal(accepted, wrong) {
				t.Errorf("%s: %s is not seen", p.Name, name)
			}
		}
	}
	for name := range faults {
		if made[name] == 0 {
			t.Errorf("no program for the fault %q", name)
		}
	}
}

func change(id []byte) bool {
	if len(id) > 0 {
		id[0] ^= 0x55
		id[len(id)-1] ^= 0x55
	}
	return len(id) > 0
}

func clearField(b *[]byte) (had bool) {
	had = len(*b) > 0
	*b = nil
	return had
}

func clearString(s *string) (had bool) {
	had = *s != ""
	*s = ""
	return had
}

func dropLast[T any](list *[]T) bool {
	n := len(*list)
	if n == 0 {
		return false
	}
	*list = (*list)[:n-1]
	return true
}

// turn swaps the first and the last.
func turn[T any](list []T) bool {
	if len(list) > 1 {
		list[0], list[len(list)-1] = list[len(list)-1], list[0]
	}
	return len(list) > 1
}

func onFirst[T any](list []T, f func(T)) bool {
	if len(list) > 0 {
		f(list[0])
	}
	return len(list) > 0
}
