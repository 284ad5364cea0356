package trace

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
)

func asMap(kvs []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

func TestServerAttributes(t *testing.T) {
	base := func() map[string]any {
		return map[string]any{
			"http.request.method":      "GET",
			"url.scheme":               "http",
			"url.path":                 "/a",
			"server.address":           "example.com",
			"network.peer.address":     "192.0.2.1",
			"network.peer.port":        int64(1234),
			"client.address":           "192.0.2.1",
			"network.protocol.version": "1.1",
		}
	}
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		want   map[string]any // nil: absent
	}{
		{"plain", func(*http.Request) {}, nil},
		{"port", func(r *http.Request) { r.Host = "example.com:8080" }, map[string]any{"server.port": int64(8080)}},
		{"IPv6", func(r *http.Request) { r.Host = "[::1]:80"; r.RemoteAddr = "[2001:db8::1]:9" }, map[string]any{
			"server.address": "::1", "server.port": int64(80),
			"network.peer.address": "2001:db8::1", "network.peer.port": int64(9), "client.address": "2001:db8::1",
		}},
		{"port out of range", func(r *http.Request) { r.Host = "example.com:99999" }, nil},
		{"TLS", func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, map[string]any{"url.scheme": "https"}},
		{"behind a proxy", func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", "HTTPS")
			r.Header.Set("X-Forwarded-For", "203.0.113.7, 10.0.0.1")
		}, map[string]any{"url.scheme": "https", "client.address": "203.0.113.7"}},
		{"a proxy that lies", func(r *http.Request) {
			r.Header.Set("X-Forwarded-Proto", "gopher")
			r.Header.Set("X-Forwarded-For", "<script>")
		}, nil},
		{"HTTP/2", func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 }, map[string]any{"network.protocol.version": "2"}},
		{"unknown method", func(r *http.Request) { r.Method = "get" }, map[string]any{
			"http.request.method": "_OTHER", "http.request.method_original": "get",
		}},
		{"query", func(r *http.Request) { r.URL.RawQuery = "q=1&sig=2" }, map[string]any{"url.query": "q=1&sig=REDACTED"}},
		{"user agent", func(r *http.Request) { r.Header.Set("User-Agent", "curl/8\xff") }, map[string]any{"user_agent.original": "curl/8\uFFFD"}},
		{"bad path", func(r *http.Request) { r.URL.Path = "/\xff" }, map[string]any{"url.path": "/\uFFFD"}},
		{"inside of a mux", func(r *http.Request) { r.Pattern = "GET example.com/a/{id}" }, map[string]any{"http.route": "/a/{id}"}},
		{"unix socket", func(r *http.Request) { r.RemoteAddr = "@" }, map[string]any{
			"network.peer.address": nil, "network.peer.port": nil, "client.address": nil,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/a", nil)
			c.change(r)
			want := base()
			for k, v := range c.want {
				if want[k] = v; v == nil {
					delete(want, k)
				}
			}
			if d := cmp.Diff(want, asMap(appendConnectionAttributes(appendServerAttributes(nil, r), r))); d != "" {
				t.Errorf("attributes (-want +got):\n%s", d)
			}
		})
	}
}

func TestClientAttributes(t *testing.T) {
	for url, want := range map[string]map[string]any{
		"http://example.com/a?sig=1": {"server.address": "example.com", "server.port": int64(80), "url.full": "http://example.com/a?sig=REDACTED"},
		"https://example.com":        {"server.address": "example.com", "server.port": int64(443), "url.full": "https://example.com"},
		"https://[::1]:8443/":        {"server.address": "::1", "server.port": int64(8443), "url.full": "https://[::1]:8443/"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		want["http.request.method"] = "PUT"
		if d := cmp.Diff(want, asMap(clientAttributes(r))); d != "" {
			t.Errorf("%s (-want +got):\n%s", url, d)
		}
	}
}

func TestSpanName(t *testing.T) {
	for _, c := range []struct{ method, pattern, route, want string }{
		{"GET", "", "", "GET"},
		{"GET", "", "/a/{id}", "GET /a/{id}"},
		{"GET", "GET /a/{id}", "/a/{id}", "GET /a/{id}"},
		{"HEAD", "GET /a/{id}", "/a/{id}", "HEAD /a/{id}"},
		{"GET", "GET a.example/a", "/a", "GET /a"},
		{"GET", "GET /a/{id}", "/b/{id}", "GET /b/{id}"},
		{"PUT", "PUT", "/", "PUT /"},
		{otherMethod, "", "", "HTTP"},
		{otherMethod, "", "/a", "HTTP /a"},
	} {
		if got := spanName(c.method, c.pattern, c.route); got != c.want {
			t.Errorf("spanName(%q, %q, %q) = %q, want %q", c.method, c.pattern, c.route, got, c.want)
		}
	}
	for pattern, want := range map[string]string{"": "", "GET /x": "/x", "/": "/", "a.example/b/{c...}": "/b/{c...}", "GET /{$}": "/{$}"} {
		if got := routeOf(pattern); got != want {
			t.Errorf("routeOf(%q) = %q, want %q", pattern, got, want)
		}
	}
}

// TestSplitAddress compares the short way with the long one.
func TestSplitAddress(t *testing.T) {
	for _, addr := range []string{"a:80", "a", "a:", "a:x", "a:1:2", "[::1]:8", "[::1]", "::1", "[a]b:1", "a]:1", "[a:1", ":80", "a:65535", "a:65536", "a:123456", ""} {
		host, digits, err := net.SplitHostPort(addr)
		n, badPort := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			host = strings.Trim(addr, "[]")
		}
		if badPort != nil {
			n = 0
		}
		if h, p := splitAddress(addr); h != host || p != int(n) {
			t.Errorf("splitAddress(%q) = %q, %d, want %q, %d", addr, h, p, host, n)
		}
	}
}
