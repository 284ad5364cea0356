package view

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// traceID is the id of trace n as the page writes it.
func traceID(n uint64) string { return fmt.Sprintf("%032x", n) }

func spanID(n uint64) string { return fmt.Sprintf("%016x", n) }

// hop is a span of a test's trace; times are milliseconds.
type hop struct {
	id, parent uint64
	service    string
	name       string
	kind       tracepb.Span_SpanKind
	start, end int64
	more       func(*tracepb.Span)
}

func text(v string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
}

// put adds trace n, begun n seconds after epoch, to m.
func put(t testing.TB, m *store.Memory, n uint64, hops ...hop) {
	t.Helper()
	for _, h := range hops {
		at := func(ms int64) uint64 {
			return uint64(epoch.Add(time.Duration(n)*time.Second + time.Duration(ms)*time.Millisecond).UnixNano())
		}
		s := &tracepb.Span{
			TraceId: binary.BigEndian.AppendUint64(make([]byte, 8), n), SpanId: binary.BigEndian.AppendUint64(nil, h.id),
			Name: h.name, Kind: h.kind, StartTimeUnixNano: at(h.start), EndTimeUnixNano: at(h.end),
		}
		if h.parent != 0 {
			s.ParentSpanId = binary.BigEndian.AppendUint64(nil, h.parent)
		}
		if h.more != nil {
			h.more(s)
		}
		err := m.Spans(t.Context(), []*tracepb.ResourceSpans{{
			Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: "service.name", Value: text(h.service)}}},
			ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{s}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// payment is a transaction over two services that goes on after its answer.
func payment() []hop {
	return []hop{
		{1, 0, "gateway", "POST /pay", tracepb.Span_SPAN_KIND_SERVER, 0, 140, nil},
		{2, 1, "gateway", "POST", tracepb.Span_SPAN_KIND_CLIENT, 2, 138, nil},
		{3, 2, "ledger", "POST /book", tracepb.Span_SPAN_KIND_SERVER, 4, 130, func(s *tracepb.Span) {
			s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "no such account"}
			s.Attributes = []*commonpb.KeyValue{{Key: "http.route", Value: text("/book")}}
			s.Events = []*tracepb.Span_Event{{TimeUnixNano: s.StartTimeUnixNano + 1e6, Name: "retried"}}
			s.Links = []*tracepb.Span_Link{
				{TraceId: binary.BigEndian.AppendUint64(make([]byte, 8), 1), SpanId: binary.BigEndian.AppendUint64(nil, 77)},
				{TraceId: binary.BigEndian.AppendUint64(make([]byte, 8), 999), SpanId: binary.BigEndian.AppendUint64(nil, 78)},
			}
		}},
		{4, 3, "ledger", "goroutine a", tracepb.Span_SPAN_KIND_INTERNAL, 10, 50, nil},
		{5, 3, "ledger", "goroutine b", tracepb.Span_SPAN_KIND_INTERNAL, 20, 60, nil},
		{6, 3, "ledger", "settle later", tracepb.Span_SPAN_KIND_INTERNAL, 1000, 1380, nil},
	}
}

// control is what is left of a payment whose context got lost.
func control() []hop {
	return []hop{
		{1, 0, "gateway", "POST /pay", tracepb.Span_SPAN_KIND_SERVER, 0, 140, nil},
		{3, 99, "ledger", "POST /book", tracepb.Span_SPAN_KIND_SERVER, 4, 130, nil},
	}
}

func twoRuns(t testing.TB) func() []Run {
	with, without := store.NewMemory(0), store.NewMemory(0)
	put(t, with, 1, hop{1, 0, "gateway", "GET /health", tracepb.Span_SPAN_KIND_SERVER, 0, 1, nil})
	put(t, with, 2, payment()...)
	put(t, without, 3, control()...)
	runs := []Run{
		{Name: "with clew", Source: with},
		{Name: "without", Note: "the same load, propagation off", Control: true, Source: without},
	}
	return func() []Run { return runs }
}

func ask(t testing.TB, h http.Handler, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7070"+target, nil)
	for _, c := range change {
		c(req)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// plain is the text of a page, its marks left out and its space drawn together.
func plain(page string) string {
	page = regexp.MustCompile(`(?s)<[^>]*>`).ReplaceAllString(page, " ")
	return strings.Join(strings.Fields(html.UnescapeString(page)), " ")
}

func wantText(t *testing.T, page string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q:\n%s", w, page)
		}
	}
}

func TestPageLists(t *testing.T) {
	h := New(twoRuns(t), Options{Status: func() []string { return []string{"9 requests received"} }})
	w := ask(t, h, "/")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("answer %d in %q", w.Code, w.Header().Get("Content-Type"))
	}
	wantText(t, plain(w.Body.String()),
		"9 requests received", "with clew 2 traces, 7 spans", "gateway POST /pay 140.000 6 2 ✕ 1 ✓ complete",
		"gateway GET /health 1.000 1 1 0 ✓ complete",
		"without 1 trace, 2 spans · the same load, propagation off", "gateway POST /pay 140.000 2 2 0 ◌ 1 lost")
	if pay, health := strings.Index(w.Body.String(), "POST /pay"), strings.Index(w.Body.String(), "GET /health"); pay > health {
		t.Error("the newest transaction is not the first")
	}
	if strings.Count(w.Body.String(), `class="list control"`) != 1 {
		t.Error("the control run is not marked as one")
	}
}

func TestPageTree(t *testing.T) {
	h := New(twoRuns(t), Options{})
	page := ask(t, h, "/?trace="+traceID(2)).Body.String()
	wantText(t, plain(page),
		"response 140.000 ms · all work 1,380.000 ms · 6 spans · gateway , ledger · ✕ 1 with an error · ✓ complete",
		"1 POST /pay 0 0 140.000 100 4.000 server gateway",
		"2 POST 2.000 2.000 136.000 97 10.000 client gateway",
		"3 POST /book ✕ error 4.000 2.000 126.000 90 76.000 server ledger",
		"4 goroutine a ∥ 1/2 10.000 6.000 40.000 29 40.000 internal ledger",
		"5 goroutine b ∥ 2/2 20.000 16.000 40.000 29 40.000 internal ledger",
		"6 settle later ⤳ async 1,000.000 940.000 380.000 271 380.000 internal ledger")
	if strings.Contains(page, "no such account") {
		t.Error("details are shown of a row that is closed")
	}
	if strings.Contains(page, "style=") || strings.Contains(page, "<script>") {
		t.Error("the page has inline style or script, which its policy forbids")
	}
	control := plain(ask(t, h, "/?trace="+traceID(3)).Body.String())
	lost := ask(t, h, "/?trace="+traceID(3)+"&span="+spanID(99)).Body.String()
	wantText(t, plain(lost), "1 span named this one as parent")
	wantText(t, control, "from “without”, shown to compare with: the same load, propagation off", "parents that have not come: 1 (not reported yet, sampled away, or reported elsewhere)",
		"2 lost span 0000000000000063 ∥ 2/2 4.000 4.000 126.000 90 3 POST /book 4.000 0 126.000 90 126.000 server ledger")
}

func TestPageDetails(t *testing.T) {
	h := New(twoRuns(t), Options{})
	body := ask(t, h, "/?q=pay&trace="+traceID(2)+"&span="+spanID(3)).Body.String()
	wantText(t, plain(body), "error: no such account", "http.route /book", "5.000 ms retried", "parent id "+spanID(2),
		"service.name ledger", traceID(1)+" span "+spanID(77), traceID(999)+" (not held here) span "+spanID(78))
	for _, link := range []string{
		"/?q=pay&amp;span=" + spanID(77) + "&amp;trace=" + traceID(1),                           // to the linked transaction
		"/?q=pay&amp;trace=" + traceID(2) + `" aria-expanded="true"`,                            // closes what is open
		"/?q=pay&amp;span=" + spanID(3) + "&amp;span=" + spanID(4) + "&amp;trace=" + traceID(2), // opens one more
	} {
		if !strings.Contains(body, link) {
			t.Errorf("no link holding %q", link)
		}
	}
}

func TestPageHostileText(t *testing.T) {
	m := store.NewMemory(0)
	evil := "</td><script>alert(1)</script>\u202Egnp\x00\u200B"
	put(t, m, 1, hop{1, 0, evil, evil, 0, 0, 1, func(s *tracepb.Span) {
		s.Attributes = []*commonpb.KeyValue{{Key: evil, Value: text(`"><img src=x onerror=alert(1)>`)}}
	}})
	body := ask(t, New(Single(m), Options{}), "/?trace="+traceID(1)+"&span="+spanID(1)+"&q="+"%22%3E%3Cscript%3E").Body.String()
	if strings.Contains(body, "<script>") || strings.Contains(body, "<img") || strings.ContainsAny(body, "\u202e\x00\u200b") {
		t.Errorf("hostile text got through:\n%s", body)
	}
	wantText(t, html.UnescapeString(body), "‹U+202E›gnp‹U+0000›‹U+200B›")
}

func TestPageOfALargeTrace(t *testing.T) {
	m := store.NewMemory(0)
	hops := []hop{{1, 0, "s", "root", 0, 0, 5000, nil}}
	for i := range uint64(1200) { // a chain: far deeper than the indent
		hops = append(hops, hop{i + 2, i + 1, "s", fmt.Sprintf("call%d.", i), 0, int64(i), 5000, nil})
	}
	put(t, m, 1, hops...)
	h := New(Single(m), Options{})
	first := ask(t, h, "/?trace="+traceID(1)).Body.String()
	wantText(t, plain(first), "rows 1–500 of 1,201 · further rows", "depth 400 call398.")
	if strings.Contains(first, "call499.") || strings.Contains(first, "earlier rows") {
		t.Error("more than the first rows are shown")
	}
	last := ask(t, h, "/?trace="+traceID(1)+"&from=1000").Body.String()
	wantText(t, plain(last), "rows 1001–1201 of 1,201 · earlier rows", "call1199.")
	if strings.Contains(last, "further rows") || !strings.Contains(last, "from=500") {
		t.Error("the last rows lead on, or not back")
	}
	wantText(t, plain(ask(t, h, "/?trace="+traceID(1)+"&from=99999").Body.String()), "rows 1001–1201 of 1,201")
}

func TestPageWithoutSpans(t *testing.T) {
	h := New(Single(store.NewMemory(0)), Options{HTTPEndpoint: "http://127.0.0.1:4318", GRPCEndpoint: "http://127.0.0.1:4317"})
	w := ask(t, h, "/")
	wantText(t, plain(w.Body.String()), "No spans have come yet", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "For gRPC: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317")
	for trace, want := range map[string]string{
		traceID(5): "is not held", "xyz": `"xyz" is no trace id`, strings.Repeat("0", 32): "is no trace id",
	} {
		w := ask(t, h, "/?trace="+trace)
		if w.Code != http.StatusNotFound {
			t.Errorf("trace %s: status %d, want 404", trace, w.Code)
		}
		wantText(t, plain(w.Body.String()), want)
	}
}

func TestFilter(t *testing.T) {
	h := New(twoRuns(t), Options{})
	for query, want := range map[string][]string{
		"":                           {"POST /pay", "GET /health"},
		"  pay ":                     {"POST /pay"},
		"LEDGER post":                {"POST /pay"},
		"error":                      {"POST /pay"},
		">2ms":                       {"POST /pay"},
		">20s":                       {},
		">soon":                      {},
		"broken":                     {},
		traceID(1):                   {"GET /health"},
		"gateway " + traceID(2)[20:]: {"POST /pay"},
		"health pay":                 {},
	} {
		var answer tracesAnswer
		w := ask(t, h, "/api/v1/traces", func(r *http.Request) {
			r.URL.RawQuery = "q=" + strings.NewReplacer(" ", "+", ">", "%3E").Replace(query)
		})
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%q: %v in %s", query, err, w.Body)
		}
		got := []string{}
		for _, s := range answer.Traces {
			got = append(got, s.Entry)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("filter %q (-want +got):\n%s", query, diff)
		}
	}
}
