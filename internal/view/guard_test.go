package view

import (
	"net/http"
	"testing"

	"github.com/clewhq/clew/internal/store"
)

func TestGuard(t *testing.T) {
	h := New(Single(store.NewMemory(0)), Options{Hosts: []string{"Trace.Example"}})
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	header := func(kv ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(kv); i += 2 {
				r.Header.Set(kv[i], kv[i+1])
			}
		}
	}
	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"address", host("127.0.0.1:7070"), 200},
		{"other address", host("10.1.2.3"), 200},
		{"IPv6", host("[::1]:7070"), 200},
		{"IPv6 without port", host("[::1]"), 200},
		{"localhost", host("LOCALHOST:7070"), 200},
		{"below localhost", host("clew.localhost.:7070"), 200},
		{"named by the user", host("trace.example:80"), 200},
		{"rebound name", host("evil.example:7070"), 403},
		{"name that looks like an address", host("127.0.0.1.evil.example"), 403},
		{"name that looks like localhost", host("evillocalhost"), 403},
		{"no host", host(""), 403},
		{"own script", header("Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors"), 200},
		{"typed address", header("Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"), 200},
		{"link from elsewhere", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 200},
		{"script from elsewhere", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), 403},
		{"other port's script", header("Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"), 403},
		{"HEAD", method(http.MethodHead), 200},
		{"POST", method(http.MethodPost), 405},
		{"DELETE", method(http.MethodDelete), 405},
	}
	for _, tt := range tests {
		for _, target := range []string{"/", "/api/v1/state", "/static/page.js"} {
			w := ask(t, h, target, tt.change)
			if w.Code != tt.want {
				t.Errorf("%s, %s: status %d, want %d", tt.name, target, w.Code, tt.want)
			}
			for k, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"} {
				if got := w.Header().Get(k); got != want {
					t.Errorf("%s, %s: %s = %q, want %q", tt.name, target, k, got, want)
				}
			}
		}
	}
}

func TestStatic(t *testing.T) {
	h := New(Single(store.NewMemory(0)), Options{})
	for path, contentType := range map[string]string{
		"/static/page.css": "text/css; charset=utf-8", "/static/page.js": "text/javascript; charset=utf-8", "/static/icon.svg": "image/svg+xml",
	} {
		w := ask(t, h, path)
		tag := w.Header().Get("ETag")
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType || tag == "" {
			t.Errorf("%s: %d in %q, tag %q", path, w.Code, w.Header().Get("Content-Type"), tag)
		}
		w = ask(t, h, path, func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
		if w.Code != http.StatusNotModified {
			t.Errorf("%s asked for again: %d, want 304", path, w.Code)
		}
	}
	for _, path := range []string{"/static/page.gohtml", "/static/", "/static/../view.go", "/nothing"} {
		if w := ask(t, h, path); w.Code == http.StatusOK {
			t.Errorf("%s is served", path)
		}
	}
}
