package demo

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"
)

func TestPageShows(t *testing.T) {
	id := oteltrace.TraceID{7}
	for _, tt := range []struct {
		name, list, tree string
		status           int
		fault            string
	}{
		{"all there", "<a href='/?trace=" + id.String() + "'>", "<td>in<td>a<td>b", http.StatusOK, ""},
		{"not in the list", "<a>", "<td>in<td>a<td>b", http.StatusOK, "does not lead to ?trace=07"},
		{"a hop missing", "<a href='/?trace=" + id.String() + "'>", "<td>in<td>a", http.StatusOK, `does not name the hop "b"`},
		{"no page", "", "", http.StatusTeapot, "418"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				if r.URL.Query().Get("trace") == id.String() {
					_, _ = fmt.Fprint(w, tt.tree)
					return
				}
				_, _ = fmt.Fprint(w, tt.list)
			}))
			defer s.Close()
			url, err := pageShows(t.Context(), s.URL+"/", id, smallHops)
			if tt.fault == "" {
				if want := s.URL + "/?trace=" + id.String(); err != nil || url != want {
					t.Errorf("%s, %v; want %s", url, err, want)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("error %v, want one with %q", err, tt.fault)
			}
		})
	}
}
