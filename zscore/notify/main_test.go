package notify

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/clewhq/clew/internal/fakeslack"
	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secretPath is what must be seen nowhere.
const secretPath = "/services/T0SECRET/B0SECRET/wh0mayknow"

// direct hands requests to a handler without a network, so that a test may run
// in fake time.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // a panic's value is not wrapped
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), nil
}

func secretFile(t *testing.T, text string) Secret {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Secret{File: path}
}

func openBook(t *testing.T, log io.Writer, c alert.Config) (*alert.Book, *state.DB) {
	t.Helper()
	db, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	book, err := alert.Open(db, c, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return book, db
}

func config() alert.Config {
	return alert.Config{
		Routes:    []alert.Route{{Receivers: []string{"slack"}, GroupBy: []string{"rule", "instance"}, GroupWait: time.Second}},
		Receivers: []alert.Receiver{{Name: "slack", DigestOver: 5, MaxAge: 24 * time.Hour}},
	}
}

func incident(instance string) alert.Incident {
	return alert.Incident{
		ID: "k7f3q2", Rule: "gateway-rps", Series: `gw_rps{instance="` + instance + `"}`, Labels: alert.Labels{"__name__": "gw_rps", "instance": instance},
		Direction: "up", Start: time.Unix(1764000000, 0), Value: 1240, Expected: 310, Z: 14.2, PeakZ: 14.2, Severity: "page",
		Reason: "1240 where 310 was expected by this time on other days: z +14.2",
		Recent: []alert.Number{300, 310, 305, 320, 1240}, Drivers: []alert.Driver{{Label: "route", Value: "/quote", Share: 0.83}},
		Links: []alert.Link{{Name: "dashboard", URL: "https://grafana.example/d/1"}},
	}
}

func firing(at time.Time, instance string) alert.Event {
	return alert.Event{Kind: alert.Firing, At: at, Incident: incident(instance)}
}

func batchOf(notices ...alert.Notice) alert.Batch {
	return alert.Batch{Receiver: "slack", Entries: []alert.Entry{{Seq: 7, Notices: notices}}}
}

// conveyed counts the instances gw-00 to gw-59 that taken messages name.
func conveyed(posts []fakeslack.Post, names []string) (n int) {
	for _, name := range names {
		for _, p := range posts {
			if strings.Contains(string(p.Raw), name) {
				n++
				break
			}
		}
	}
	return n
}
