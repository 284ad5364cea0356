package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/otlprecv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is the time spans of these tests start around.
var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return epoch.Add(time.Minute) }

func tid(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 8), n) }
func sid(n uint64) []byte {
	if n == 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, n)
}

func str(k, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

// span makes span id of trace tr under parent, from start to end, both in
// milliseconds after epoch.
func span(tr, id, parent uint64, name string, start, end int64) *tracepb.Span {
	at := func(ms int64) uint64 { return uint64(epoch.UnixNano() + ms*int64(time.Millisecond)) }
	return &tracepb.Span{
		TraceId: tid(tr), SpanId: sid(id), ParentSpanId: sid(parent), Name: name,
		Kind: tracepb.Span_SPAN_KIND_INTERNAL, StartTimeUnixNano: at(start), EndTimeUnixNano: at(end),
	}
}

func batch(service string, spans ...*tracepb.Span) []*tracepb.ResourceSpans {
	return []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{str("service.name", service)}},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "scope", Version: "v1"}, Spans: spans}},
	}}
}

func add(t *testing.T, m *Memory, rs []*tracepb.ResourceSpans) {
	t.Helper()
	if err := m.Spans(t.Context(), rs); err != nil {
		t.Fatalf("Spans: %v", err)
	}
}

func traceOf(n uint64) oteltrace.TraceID { return oteltrace.TraceID(tid(n)) }

func newest(m *Memory, n int) (ids []uint64) {
	for _, s := range m.Newest(n) {
		ids = append(ids, binary.BigEndian.Uint64(s.TraceID[8:]))
	}
	return ids
}

func TestMemoryKeepsWhatASpanSays(t *testing.T) {
	m := NewMemory(0, WithClock(clock))
	s := span(1, 2, 3, "GET /cart", 5, 9)
	s.Kind = tracepb.Span_SPAN_KIND_CLIENT
	s.TraceState, s.Flags = "a=b", 0x301
	s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "boom"}
	s.Attributes = []*commonpb.KeyValue{
		str("k", "v"),
		{Key: "n", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: -7}}},
		{Key: "d", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: 0.5}}},
		{Key: "b", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
		{Key: "raw", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{1, 2, 3}}}},
		{Key: "none"},
		{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{
			{Value: &commonpb.AnyValue_StringValue{StringValue: "<x>"}},
			{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: math.NaN()}},
			{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{{Key: "q"}}}}},
		}}}}},
	}
	s.Events = []*tracepb.Span_Event{{TimeUnixNano: 17, Name: "retry", Attributes: []*commonpb.KeyValue{str("e", "1")}}}
	s.Links = []*tracepb.Span_Link{{TraceId: tid(8), SpanId: sid(9)}, {TraceId: []byte("short")}}
	s.DroppedEventsCount = 2
	add(t, m, batch("shop", s))

	got, ok := m.Trace(traceOf(1))
	if !ok || len(got.Spans) != 1 {
		t.Fatalf("Trace: found %v with %d spans, want one", ok, len(got.Spans))
	}
	want := Span{
		TraceID: traceOf(1), SpanID: oteltrace.SpanID(sid(2)), ParentID: oteltrace.SpanID(sid(3)),
		TraceState: "a=b", Flags: 0x301, Name: "GET /cart", Service: "shop", Kind: oteltrace.SpanKindClient,
		Start: epoch.UnixNano() + 5e6, End: epoch.UnixNano() + 9e6, Status: StatusError, StatusText: "boom",
		Attrs: []Attr{
			{Key: "k", Value: "v", Type: TypeString},
			{Key: "n", Value: "-7", Type: TypeInt},
			{Key: "d", Value: "0.5", Type: TypeDouble},
			{Key: "b", Value: "true", Type: TypeBool},
			{Key: "raw", Value: "AQID", Type: TypeBytes},
			{Key: "none", Type: TypeEmpty},
			{Key: "list", Value: `["\u003cx\u003e","NaN",{"q":null}]`, Type: TypeArray},
		},
		Events:   []Event{{Time: 17, Name: "retry", Attrs: []Attr{{Key: "e", Value: "1", Type: TypeString}}}},
		Links:    []Link{{TraceID: traceOf(8), SpanID: oteltrace.SpanID(sid(9))}, {}},
		Cut:      2,
		Resource: &Resource{Service: "shop", Attrs: []Attr{{Key: "service.name", Value: "shop", Type: TypeString}}},
		Scope:    Scope{Name: "scope", Version: "v1"},
	}
	if diff := cmp.Diff(want, got.Spans[0]); diff != "" {
		t.Errorf("span (-want +got):\n%s", diff)
	}
	if !got.Spans[0].RemoteParent() {
		t.Error("RemoteParent = false, want true for flags 0x301")
	}
}

func TestMemorySummary(t *testing.T) {
	failed := span(1, 3, 2, "SELECT", 2, 4)
	failed.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
	tests := []struct {
		name     string
		spans    []*tracepb.Span
		want     Summary
		complete bool
	}{
		{
			name:     "children come before their root",
			spans:    []*tracepb.Span{failed, span(1, 2, 1, "pay", 1, 30), span(1, 1, 0, "POST /pay", 0, 10)},
			want:     Summary{Entry: "POST /pay", Duration: 10e6, Start: 0, End: 30e6, Spans: 3, Errors: 1, Roots: 1},
			complete: true,
		},
		{
			name:  "no root",
			spans: []*tracepb.Span{span(1, 5, 4, "late", 7, 8), span(1, 3, 2, "early", 2, 4)},
			want:  Summary{Entry: "early", Duration: 2e6, Start: 2e6, End: 8e6, Spans: 2, Lost: 2},
		},
		{
			name:  "two roots",
			spans: []*tracepb.Span{span(1, 5, 0, "b", 7, 8), span(1, 3, 0, "a", 2, 4)},
			want:  Summary{Entry: "a", Duration: 2e6, Start: 2e6, End: 8e6, Spans: 2, Roots: 2},
		},
		{
			name:  "its own parent, ending before it starts",
			spans: []*tracepb.Span{span(1, 5, 5, "self", 7, 6)},
			want:  Summary{Entry: "self", Start: 7e6, End: 7e6, Spans: 1},
		},
		{
			name:     "a span that came twice",
			spans:    []*tracepb.Span{span(1, 5, 0, "first", 1, 2), span(1, 5, 0, "again", 1, 9)},
			want:     Summary{Entry: "first", Duration: 1e6, Start: 1e6, End: 2e6, Spans: 1, Roots: 1, Duplicates: 1},
			complete: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMemory(0, WithClock(clock))
			add(t, m, batch("shop", tt.spans...))
			got := m.Newest(1)[0]
			got.Start -= epoch.UnixNano()
			got.End -= epoch.UnixNano()
			tt.want.TraceID, tt.want.Version, tt.want.Services = traceOf(1), uint64(len(tt.spans)), []string{"shop"}
			tt.want.Service, tt.want.Kind = "shop", oteltrace.SpanKindInternal
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if got.Complete() != tt.complete {
				t.Errorf("Complete = %v, want %v", got.Complete(), tt.complete)
			}
		})
	}
}

func TestMemoryOrdersByStart(t *testing.T) {
	m := NewMemory(0, WithClock(clock))
	add(t, m, batch("a", span(1, 11, 10, "child", 500, 600), span(2, 20, 0, "root", 200, 300)))
	if diff := cmp.Diff([]uint64{1, 2}, newest(m, 9)); diff != "" {
		t.Errorf("newest (-want +got):\n%s", diff)
	}
	add(t, m, batch("a", span(1, 10, 0, "root", 100, 700))) // trace 1 began earlier than its child said
	if diff := cmp.Diff([]uint64{2, 1}, newest(m, 9)); diff != "" {
		t.Errorf("newest after the root came (-want +got):\n%s", diff)
	}
	unset, ahead := span(3, 30, 0, "1970", 0, 0), span(4, 40, 0, "2300", 0, 0)
	unset.StartTimeUnixNano, ahead.StartTimeUnixNano, ahead.EndTimeUnixNano = 0, math.MaxUint64, math.MaxUint64
	add(t, m, batch("a", unset, ahead))
	add(t, m, batch("a", span(5, 50, 0, "now", 61_000, 61_001)))
	if diff := cmp.Diff([]uint64{5, 4, 3, 2}, newest(m, 4)); diff != "" {
		t.Errorf("newest with broken clocks (-want +got):\n%s", diff)
	}
	var all []oteltrace.TraceID
	for tr := range m.All() {
		all = append(all, tr.TraceID)
	}
	if diff := cmp.Diff([]oteltrace.TraceID{traceOf(5), traceOf(4), traceOf(3), traceOf(2), traceOf(1)}, all); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	if got := newest(m, -1); len(got) != 0 {
		t.Errorf("Newest(-1) = %v, want none", got)
	}
}

func TestMemoryEvictsOldestTraceWhole(t *testing.T) {
	m := NewMemory(6, WithClock(clock))
	for tr := uint64(1); tr <= 3; tr++ {
		add(t, m, batch("a", span(tr, 1, 0, "root", int64(tr), 9), span(tr, 2, 1, "child", int64(tr), 9)))
	}
	add(t, m, batch("a", span(1, 3, 1, "late", 5, 6))) // room for it: trace 2, of which was heard longest ago, goes
	if diff := cmp.Diff([]uint64{3, 1}, newest(m, 9)); diff != "" {
		t.Errorf("newest (-want +got):\n%s", diff)
	}
	st := m.Stats()
	st.Bytes, st.Version = 0, 0
	if diff := cmp.Diff(Stats{Traces: 2, Spans: 5, EvictedTraces: 1, EvictedSpans: 2}, st); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestMemoryBoundsBytes(t *testing.T) {
	const bound = 64 << 10
	m := NewMemory(0, WithMaxBytes(bound), WithClock(clock))
	text := string(make([]byte, 2000))
	for tr := uint64(1); tr <= 200; tr++ {
		s := span(tr, 1, 0, "root", int64(tr), 9)
		s.Attributes = []*commonpb.KeyValue{str("text", text)}
		add(t, m, batch(fmt.Sprint("service", tr), s))
		if got := m.Stats().Bytes; got > bound {
			t.Fatalf("after %d traces %d bytes are held, want at most %d", tr, got, bound)
		}
	}
	st := m.Stats()
	if st.Traces < 15 || st.EvictedTraces != uint64(200-st.Traces) || len(m.resources) != st.Traces {
		t.Errorf("%d traces held, %d evicted, %d resources: want ≥ 15, the rest of 200, one a trace", st.Traces, st.EvictedTraces, len(m.resources))
	}
	for m.touched.Len() > 0 {
		m.remove(m.traces[m.byTime[0].id])
	}
	if st := m.Stats(); st.Bytes != 0 || st.Spans != 0 || len(m.resources) != 0 {
		t.Errorf("emptied, %d bytes, %d spans, %d resources are left", st.Bytes, st.Spans, len(m.resources))
	}
}

func TestMemoryRejectsATraceThatFillsIt(t *testing.T) {
	m := NewMemory(3, WithClock(clock))
	add(t, m, batch("a", span(1, 1, 0, "other", 0, 1)))
	var spans []*tracepb.Span
	for id := uint64(1); id <= 5; id++ {
		spans = append(spans, span(2, id, 0, "huge", 1, 2))
	}
	err := m.Spans(t.Context(), batch("a", spans...))
	var rejected *otlprecv.RejectedError
	if !errors.As(err, &rejected) || rejected.Spans != 2 {
		t.Fatalf("Spans = %v, want 2 spans rejected", err)
	}
	if tr, _ := m.Trace(traceOf(2)); len(tr.Spans) != 3 || tr.Dropped != 2 || tr.Complete() {
		t.Errorf("%d spans, %d dropped, complete %v: want 3, 2, false", len(tr.Spans), tr.Dropped, tr.Complete())
	}

	small := NewMemory(0, WithMaxBytes(4<<10), WithClock(clock))
	add(t, small, batch("a", span(1, 1, 0, "small", 0, 1)))
	big := span(2, 1, 0, "big", 0, 1)
	big.Attributes = []*commonpb.KeyValue{str("a", string(make([]byte, maxText)))}
	if err := small.Spans(t.Context(), batch("a", big)); !errors.As(err, &rejected) {
		t.Errorf("a span larger than the store: %v, want it rejected", err)
	}
	if got := newest(small, 9); !cmp.Equal(got, []uint64{1}) {
		t.Errorf("traces held = %v, want the small one still", got)
	}
}

func TestMemoryBoundsASpan(t *testing.T) {
	s := span(1, 1, 0, "\xff"+string(make([]byte, 2*maxName)), 0, 1)
	for i := range maxAttrs + 3 {
		s.Attributes = append(s.Attributes, str(fmt.Sprint(i), "v"))
	}
	deep := &commonpb.AnyValue{}
	for range 10_000 {
		deep = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{deep}}}}
	}
	wide := &commonpb.ArrayValue{}
	for range 10_000 {
		wide.Values = append(wide.Values, &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: "word"}})
	}
	s.Attributes[0].Value = deep
	s.Attributes[1].Value = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: wide}}
	s.Attributes[2].Value.Value = &commonpb.AnyValue_StringValue{StringValue: string(make([]byte, maxText+1))}
	for range maxEvents + 5 {
		s.Events = append(s.Events, &tracepb.Span_Event{})
		s.Links = append(s.Links, &tracepb.Span_Link{})
	}
	m := NewMemory(0, WithClock(clock))
	add(t, m, batch("a", s))
	tr, _ := m.Trace(traceOf(1))
	got := tr.Spans[0]
	if len(got.Attrs) != maxAttrs || len(got.Events) != maxEvents || len(got.Links) != maxLinks || got.Cut != 3+5+5 {
		t.Errorf("%d attributes, %d events, %d links, %d cut", len(got.Attrs), len(got.Events), len(got.Links), got.Cut)
	}
	for i, a := range got.Attrs[:3] {
		if !a.Cut || len(a.Value) > maxText+64 {
			t.Errorf("attribute %d: %d bytes, cut %v: want it cut at about %d", i, len(a.Value), a.Cut, maxText)
		}
	}
	if len(got.Name) > maxName+8 || got.Name[:3] != "\uFFFD" {
		t.Errorf("name of %d bytes begins %q", len(got.Name), got.Name[:3])
	}
}

func TestMemoryConcurrently(t *testing.T) {
	m := NewMemory(500, WithClock(clock))
	var wg sync.WaitGroup
	for w := range uint64(4) {
		wg.Go(func() {
			for i := range uint64(300) {
				tr := i/3 + 1 // three workers' spans meet in a trace
				_ = m.Spans(t.Context(), batch("a", span(tr, 1+w*1000+i, 0, "n", int64(tr), 9)))
				for _, s := range m.Newest(5) {
					m.Trace(s.TraceID)
				}
			}
		})
	}
	wg.Wait()
	st := m.Stats()
	if st.Spans > 500 || uint64(st.Spans)+st.EvictedSpans != 4*300 {
		t.Errorf("%d spans held and %d evicted, want at most 500 and all of 1200", st.Spans, st.EvictedSpans)
	}
}
