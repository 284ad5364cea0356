package daemon

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/config"
)

// TestGuard asks for everything under names that are served and that are not, as
// a page does that a stranger's name was pointed at (DNS rebinding).
func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, t.TempDir(), oneRule, &fakeslack.Slack{})
		defer b.stop()
		b.pass(time.Minute, steady(1))
		d := &daemon{Options: Options{Log: quietLog()}, config: &config.Config{Zone: time.UTC, Page: "https://spikes.example/"}, book: b.book, watcher: b.watcher, started: time.Now()}
		h := d.handler("token")
		for _, path := range []string{"/", "/static/page.js", "/api/v1/series", "/api/v1/explain?match=rps", "/metrics", "/healthz"} {
			for host, ok := range map[string]bool{"127.0.0.1:9300": true, "[::1]:9300": true, "localhost": true, "spikes.example": true, "evil.example:9300": false} {
				open := path == "/metrics" || path == "/healthz"
				r := httptest.NewRequest(http.MethodGet, path, nil)
				r.Host = host
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if got := w.Code == http.StatusOK; got != (ok || open) {
					t.Errorf("%s of %s: %d", path, host, w.Code)
				}
				if w.Code == http.StatusForbidden && !strings.Contains(w.Body.String(), "page in the configuration") {
					t.Errorf("%s of %s: %s", path, host, w.Body)
				}
			}
		}
	})
}
