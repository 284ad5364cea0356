package view

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

// policy lets the page load its own files and nothing else, run no inline
// script or style, and turn no string into markup or code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// guard lets through what a person at this machine may ask for.
func guard(next http.Handler, hosts []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		switch {
		case !hostAllowed(req.Host, hosts):
			// Somebody's own name that resolves to this address (DNS rebinding)
			// would make his script the same origin as this page.
			refuse(w, req, http.StatusForbidden, fmt.Sprintf("host %.100q is not served: open the page by its IP address or as localhost", req.Host))
		case foreign(req):
			refuse(w, req, http.StatusForbidden, "requests of other web pages are not served")
		case req.Method != http.MethodGet && req.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			refuse(w, req, http.StatusMethodNotAllowed, "method "+req.Method+": want GET or HEAD")
		default:
			next.ServeHTTP(w, req)
		}
	})
}

// foreign reports whether a browser says that another origin's page made the
// request, other than by following a link.
func foreign(req *http.Request) bool {
	switch req.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return req.Header.Get("Sec-Fetch-Mode") != "navigate"
}

func hostAllowed(host string, hosts []string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return true // nobody can point an address elsewhere
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// refuse answers in what the asker reads.
func refuse(w http.ResponseWriter, req *http.Request, status int, message string) {
	if strings.HasPrefix(req.URL.Path, "/api/") {
		writeJSON(w, status, errorAnswer{SchemaVersion: schemaVersion, Error: message})
		return
	}
	http.Error(w, message, status)
}
