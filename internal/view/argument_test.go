package view

import (
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/store"
)

func TestArgument(t *testing.T) {
	tests := []struct {
		name, span string
		kind       oteltrace.SpanKind
		attrs      []string // key, value, …
		want       string
	}{
		{"nothing to say", "work", oteltrace.SpanKindInternal, []string{"code.function.name", "main.work"}, ""},
		{"client", "POST", oteltrace.SpanKindClient, []string{"server.address", "10.0.0.7", "server.port", "8080", "url.full", "http://10.0.0.7:8080/pay/7"}, "http://10.0.0.7:8080/pay/7"},
		{"client without URL", "GetUser", oteltrace.SpanKindClient, []string{"server.port", "8080", "server.address", "users"}, "users:8080"},
		{"client without port", "GetUser", oteltrace.SpanKindClient, []string{"server.address", "users"}, "users"},
		{"server by route", "GET /pay/{id}", oteltrace.SpanKindServer, []string{"url.path", "/pay/7", "server.address", "shop"}, "/pay/7"},
		{"server whose name says it", "POST /pay", oteltrace.SpanKindServer, []string{"url.path", "/pay", "server.address", "shop"}, ""},
		{"statement on one line", "SELECT", oteltrace.SpanKindClient, []string{"server.address", "db", "db.query.text", "SELECT n\n  FROM stock"}, "SELECT n FROM stock"},
		{"queue", "send", oteltrace.SpanKindProducer, []string{"messaging.destination.name", "orders"}, "orders"},
		{"long", "SELECT", oteltrace.SpanKindClient, []string{"db.query.text", strings.Repeat("ü", 100)}, strings.Repeat("ü", 60) + "…"},
		{"long, cut within a letter", "SELECT", oteltrace.SpanKindClient, []string{"db.query.text", "x" + strings.Repeat("ü", 100)}, "x" + strings.Repeat("ü", 59) + "…"},
	}
	for _, tt := range tests {
		s := store.Span{Name: tt.span, Kind: tt.kind}
		for i := 0; i < len(tt.attrs); i += 2 {
			s.Attrs = append(s.Attrs, store.Attr{Key: tt.attrs[i], Value: tt.attrs[i+1], Type: store.TypeString})
		}
		if got := argument(&s); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
