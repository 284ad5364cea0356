package tracenats_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/doortest"
)

// traceparent is one that somebody else has sent, with its trace id.
const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
)

func TestProcess(t *testing.T) {
	failed := errors.New("no")
	for _, tt := range []struct {
		name    string
		message nats.Msg
		opts    []trace.Option
		err     error
		span    string
		kind    oteltrace.SpanKind
		parent  string
		links   int
	}{
		{
			name: "under its sender", message: nats.Msg{Subject: "a", Header: nats.Header{"traceparent": {traceparent}}},
			span: "process a", kind: oteltrace.SpanKindConsumer, parent: traceID,
		},
		{
			name: "as net/http writes it", message: nats.Msg{Subject: "a", Header: nats.Header{"Traceparent": {traceparent}}},
			span: "process a", kind: oteltrace.SpanKindConsumer, parent: traceID,
		},
		{
			name: "wants a reply", message: nats.Msg{Subject: "a", Reply: "_INBOX.x.1", Header: nats.Header{"traceparent": {traceparent}}},
			span: "process a", kind: oteltrace.SpanKindServer, parent: traceID,
		},
		{
			name: "JetStream wants to know", message: nats.Msg{Subject: "a", Reply: "$JS.ACK.s.c.1.1.1.1.1", Header: nats.Header{"traceparent": {traceparent}}},
			span: "process a", kind: oteltrace.SpanKindConsumer, parent: traceID,
		},
		{
			name: "fails", message: nats.Msg{Subject: "a"}, err: failed,
			span: "process a", kind: oteltrace.SpanKindConsumer,
		},
		{
			name: "enormous", message: nats.Msg{Subject: "a", Header: nats.Header{"traceparent": {"01" + traceparent[2:] + "-" + strings.Repeat("x", 1<<20)}}},
			span: "process a", kind: oteltrace.SpanKindConsumer,
		},
		{
			name: "a stranger's", message: nats.Msg{Subject: "a", Header: nats.Header{"traceparent": {traceparent}}},
			opts: []trace.Option{trace.WithLinkedRemote()}, span: "process a", kind: oteltrace.SpanKindConsumer, links: 1,
		},
		{
			name: "a subscription's pattern", message: nats.Msg{Subject: "a.b.c", Sub: &nats.Subscription{Subject: "a.>", Queue: "q"}},
			span: "process a.>", kind: oteltrace.SpanKindConsumer,
		},
		{
			name: "an id", message: nats.Msg{Subject: "v1.orders.4711.new"},
			span: "process v1.orders.*.new", kind: oteltrace.SpanKindConsumer,
		},
		{
			name: "a reply", message: nats.Msg{Subject: "_INBOX.abc.1"},
			span: "process (temporary)", kind: oteltrace.SpanKindConsumer,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := connect(t, "", tt.opts...)
			err := r.Process(bg, &tt.message, func(ctx context.Context, m *nats.Msg) error {
				if m != &tt.message {
					t.Error("another message")
				}
				if propagate.Ambient() {
					ctx = bg // the goroutine carries the span
				}
				_, s := trace.Start(ctx, "work")
				s.End()
				return tt.err
			})
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			s := r.one(t, tt.span)
			parent := ""
			if s.Parent().IsValid() {
				parent = s.Parent().TraceID().String()
			}
			if parent != tt.parent || len(s.Links()) != tt.links || s.SpanKind() != tt.kind || !doortest.Under(r.one(t, "work"), s) {
				t.Errorf("%v span under %q with %d links; want %v, %q, %d", s.SpanKind(), parent, len(s.Links()), tt.kind, tt.parent, tt.links)
			}
			if (s.Status().Code == codes.Error) != (tt.err != nil) || doortest.Attributes(s)["messaging.destination.name"] != tt.message.Subject {
				t.Errorf("status %v, %v", s.Status(), doortest.Attributes(s))
			}
			want := map[string]int{"messaging.process.duration": 1, "messaging.client.consumed.messages": 1}
			if diff := cmp.Diff(want, r.Sums(t)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProcessPanics(t *testing.T) {
	r := connect(t, "")
	defer func() {
		if v := recover(); v != "boom" {
			t.Errorf("the panic's value became %v", v)
		}
		if s := r.one(t, "process a"); s.Status().Code != codes.Error {
			t.Errorf("status %v", s.Status())
		}
	}()
	r.Handler(func(context.Context, *nats.Msg) error { panic("boom") })(&nats.Msg{Subject: "a"})
}

func TestBatch(t *testing.T) {
	r := connect(t, "")
	var ms []*nats.Msg
	var want []string
	for i := range 3 {
		id := fmt.Sprintf("%016x", i+1)
		want = append(want, id)
		ms = append(ms, &nats.Msg{Subject: "a", Header: nats.Header{"traceparent": {"00-" + traceID + "-" + id + "-01"}}})
	}
	ms = append(ms, ms[0], &nats.Msg{Subject: "a"}) // one again, one nobody's
	failed := errors.New("no")
	err := r.ProcessBatch(bg, ms, func(_ context.Context, got []*nats.Msg) error {
		if len(got) != len(ms) {
			t.Errorf("%d messages", len(got))
		}
		return failed
	})
	s := r.one(t, "process a")
	if !errors.Is(err, failed) || s.Status().Code != codes.Error || s.Parent().IsValid() || doortest.Attributes(s)["messaging.batch.message_count"] != int64(5) {
		t.Errorf("error %v; span under %v, %v, %v", err, s.Parent(), s.Status(), doortest.Attributes(s))
	}
	if diff := cmp.Diff(want, doortest.Links(s)); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	ms[0] = &nats.Msg{Subject: "b"}
	if err := r.ProcessBatch(bg, ms, func(context.Context, []*nats.Msg) error { return nil }); err != nil {
		t.Error(err)
	}
	if name := doortest.Attributes(r.one(t, "process"))["messaging.destination.name"]; name != nil {
		t.Errorf("a batch of two subjects is from %v", name)
	}
}

func TestTemplate(t *testing.T) {
	r := connect(t, "")
	r.Template = func(subject string) string {
		head, _, _ := strings.Cut(subject, ".")
		return head + ".>"
	}
	m := &nats.Msg{Subject: "orders.berlin", Sub: &nats.Subscription{Subject: ">"}}
	if err := r.Process(bg, m, func(context.Context, *nats.Msg) error { return nil }); err != nil {
		t.Error(err)
	}
	if got := doortest.Attributes(r.one(t, "process orders.>"))["messaging.destination.template"]; got != "orders.>" {
		t.Errorf("template %v", got)
	}
}
