package view

import (
	"net/http"
	"strings"

	"github.com/clewhq/clew/internal/listen"
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
		err := listen.CheckPage(req, hosts)
		switch {
		case err != nil:
			refuse(w, req, http.StatusForbidden, err.Error())
		case req.Method != http.MethodGet && req.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			refuse(w, req, http.StatusMethodNotAllowed, "method "+req.Method+": want GET or HEAD")
		default:
			next.ServeHTTP(w, req)
		}
	})
}

// refuse answers in what the asker reads.
func refuse(w http.ResponseWriter, req *http.Request, status int, message string) {
	if strings.HasPrefix(req.URL.Path, "/api/") {
		writeJSON(w, status, errorAnswer{SchemaVersion: schemaVersion, Error: message})
		return
	}
	http.Error(w, message, status)
}
