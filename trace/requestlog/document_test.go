package requestlog

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// encoded is the document of s, through a JSON decoder.
func encoded(t *testing.T, s *trace.Served, opts ...Option) map[string]any {
	t.Helper()
	c := &config{service: map[string]string{"service.name": "gateway", "service.version": "1.2", "host.name": "h"}, deny: map[string]bool{}}
	for _, o := range opts {
		if err := o.apply(c); err != nil {
			t.Fatal(err)
		}
	}
	b := newEncoder(c).append(nil, s)
	if !utf8.Valid(b) {
		t.Errorf("not UTF-8: %q", b)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return doc
}

// served is a request with a bit of everything.
func served() *trace.Served {
	r := httptest.NewRequest("POST", "https://shop.example:8443/pay/4111111111111111?a=1&token=s3cret&iban=DE02", strings.NewReader("{}"))
	r.RemoteAddr = "203.0.113.9:4711"
	r.Header.Set("User-Agent", "test\x00\"\xff")
	r.Header.Set("X-Request-Id", "r-1")
	r.Header.Set("Authorization", "Bearer s3cret")
	return &trace.Served{
		Request: r, Header: http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"s3cret"}},
		Span: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{0x0a, 0xf7, 15: 1}, SpanID: oteltrace.SpanID{0xb7, 7: 2}, TraceFlags: oteltrace.FlagsSampled,
		}),
		Start: time.Date(2026, 11, 22, 19, 25, 7, 64123456, time.FixedZone("", 3600)), Duration: 1500 * time.Microsecond,
		Route: "/pay/{id}", Status: 201, RequestSize: 2, ResponseSize: 30,
	}
}

type object = map[string]any

func TestECS(t *testing.T) {
	got := encoded(t, served(), WithRequestHeaders("x-request-id", "X-Absent"), WithResponseHeaders("Content-Type"), WithDeniedParams("IBAN"))
	want := object{
		"@timestamp": "2026-11-22T18:25:07.064123456Z", "message": "POST /pay/{id} 201",
		"log": object{"level": "info"},
		"event": object{
			"kind": "event", "category": []any{"web"}, "type": []any{"access"}, "dataset": "clew.access",
			"outcome": "success", "duration": 1.5e6,
		},
		"trace":       object{"id": "0af70000000000000000000000000001"},
		"span":        object{"id": "b700000000000002"},
		"transaction": object{"id": "b700000000000002", "sampled": true},
		"http": object{
			"request":  object{"method": "POST", "body": object{"bytes": 2.0}, "headers": object{"x-request-id": []any{"r-1"}}},
			"response": object{"status_code": 201.0, "body": object{"bytes": 30.0}, "headers": object{"content-type": []any{"application/json"}}},
			"version":  "1.1", "route": "/pay/{id}",
		},
		"url": object{
			"scheme": "https", "path": "/pay/************1111", "query": "a=1&token=REDACTED&iban=REDACTED",
			"domain": "shop.example", "port": 8443.0,
		},
		"client":     object{"address": "203.0.113.9"},
		"user_agent": object{"original": "test\x00\"\uFFFD"},
		"service":    object{"name": "gateway", "version": "1.2"},
		"host":       object{"name": "h"},
		"ecs":        object{"version": ecsVersion},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestOTel(t *testing.T) {
	got := encoded(t, served(), WithSchema(OTel), WithRequestHeaders("x-request-id"))
	want := object{
		"@timestamp": "2026-11-22T18:25:07.064123456Z", "trace_id": "0af70000000000000000000000000001",
		"span_id": "b700000000000002", "trace_flags": 1.0, "severity_text": "INFO", "severity_number": 9.0,
		"body": object{"text": "POST /pay/{id} 201"},
		"attributes": object{
			"http.request.method": "POST", "url.scheme": "https", "url.path": "/pay/************1111",
			"http.request.body.size": 2.0, "http.response.body.size": 30.0, "http.server.request.duration": 0.0015,
			"http.response.status_code": 201.0, "server.port": 8443.0, "http.route": "/pay/{id}",
			"url.query": "a=1&token=REDACTED&iban=DE02", "server.address": "shop.example", "client.address": "203.0.113.9",
			"network.protocol.version": "1.1", "user_agent.original": "test\x00\"\uFFFD",
			"http.request.header.x-request-id": []any{"r-1"},
		},
		"resource": object{"attributes": object{"service.name": "gateway", "service.version": "1.2", "host.name": "h"}},
		"scope":    object{"name": scopeName},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestEndsOtherThanAResponse(t *testing.T) {
	remote := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}, Remote: true})
	for _, c := range []struct {
		name   string
		change func(*trace.Served)
		want   map[string]any // by dotted ECS field; nil: not there
	}{
		{"panic", func(s *trace.Served) {
			s.Status, s.ErrorType, s.Message, s.Panicked = 500, "*errors.errorString", "card 4111111111111111", true
		}, object{
			"event.outcome": "failure", "log.level": "error", "error.type": "*errors.errorString",
			"error.message": "card ************1111", "http.response.status_code": 500.0,
		}},
		{"server error", func(s *trace.Served) { s.Status, s.ErrorType = 503, "503" }, object{
			"event.outcome": "failure", "error.type": "503", "error.message": nil,
		}},
		{"client error", func(s *trace.Served) { s.Status = 404 }, object{"event.outcome": "success", "error": nil}},
		{"hijacked", func(s *trace.Served) { s.Status, s.Hijacked = 0, true }, object{
			"event.outcome": "unknown", "message": "POST /pay/{id} hijacked", "http.response.status_code": nil,
		}},
		{"aborted", func(s *trace.Served) { s.Status, s.ErrorType = 0, "net/http.ErrAbortHandler" }, object{
			"event.outcome": "failure", "message": "POST /pay/{id} aborted",
		}},
		{"no route", func(s *trace.Served) { s.Route, s.Request.URL.Path = "", "/\xff\"" }, object{
			"message": "POST /\uFFFD\" 201", "url.path": "/\uFFFD\"", "http.route": nil,
		}},
		{"no SDK", func(s *trace.Served) { s.Span = remote }, object{
			"trace.id": "01000000000000000000000000000000", "parent.id": "0200000000000000", "span": nil, "transaction": nil,
		}},
		{"no trace", func(s *trace.Served) { s.Span = oteltrace.SpanContext{} }, object{"trace": nil, "span": nil, "parent": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := served()
			c.change(s)
			doc := encoded(t, s)
			for field, want := range c.want {
				if diff := cmp.Diff(want, lookup(doc, field)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", field, diff)
				}
			}
			encoded(t, s, WithSchema(OTel))
		})
	}
}

func lookup(doc map[string]any, field string) any {
	var v any = doc
	for key := range strings.SplitSeq(field, ".") {
		o, _ := v.(object)
		v = o[key]
	}
	return v
}

func TestLongTextIsCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 3*maxText), strings.Repeat("ä", maxText), "x" + strings.Repeat("日本", maxText), strings.Repeat("\x80", 2*maxText)} {
		s := served()
		s.Request.URL.Path = text
		got := lookup(encoded(t, s), "url.path").(string)
		if n := len(got); n < maxText-3 || n > 3*maxText+len("…") || !strings.HasSuffix(got, "…") {
			t.Errorf("%.5q… of %d bytes became %d bytes ending in %q", text, len(text), n, got[len(got)-6:])
		}
		if !strings.Contains(text, "\x80") && strings.Contains(got, "\uFFFD") {
			t.Errorf("%.5q… was cut within a character", text)
		}
	}
}

func TestSecretsAreRefused(t *testing.T) {
	for _, name := range []string{"authorization", "Cookie", "set-cookie", "X-API-Key", "", "a b", "ä"} {
		if _, err := Open(t.TempDir(), WithRequestHeaders(name)); err == nil {
			t.Errorf("the request header %q was taken", name)
		}
		if _, err := Open(t.TempDir(), WithResponseHeaders(name)); err == nil {
			t.Errorf("the response header %q was taken", name)
		}
	}
}

func TestServiceFromTheEnvironment(t *testing.T) {
	env := map[string]string{
		"OTEL_RESOURCE_ATTRIBUTES": "service.name=no, service.version=1%202,bad,worse=%zz,host.name=h", "OTEL_SERVICE_NAME": "shop",
	}
	want := map[string]string{"service.name": "shop", "service.version": "1 2", "host.name": "h"}
	if diff := cmp.Diff(want, serviceFrom(func(k string) string { return env[k] })); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add("/\xff", "a=%ff&token=\xff", "ua\x00", "x\"", "4111 1111 1111 1111")
	f.Add("", "", "", "", "")
	f.Add(strings.Repeat("日", 2000), "4111+1111+1111+1111", "\\", "\n", "\u2028")
	f.Fuzz(func(t *testing.T, path, query, agent, header, message string) {
		s := served()
		s.Request.URL.Path, s.Request.URL.RawQuery, s.Request.Host = path, query, header
		s.Request.Header = http.Header{"User-Agent": {agent}, "X-A": {header, message}, "X-Forwarded-For": {header}}
		s.Message, s.ErrorType, s.Route = message, errors.New(message).Error(), ""
		encoded(t, s, WithRequestHeaders("x-a"))
		encoded(t, s, WithRequestHeaders("x-a"), WithSchema(OTel))
	})
}
