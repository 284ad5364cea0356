package notify

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/clewhq/clew/zscore/alert"
)

// TestSecretNowhere makes every kind of failure and looks for the webhook in
// all that is said, kept and dumped.
func TestSecretNowhere(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("do") {
		case "redirect":
			http.Redirect(w, r, r.URL.String()+"&again", http.StatusFound)
		case "hang up":
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusGone)
			fmt.Fprintf(w, "nobody at http://%s%s", r.Host, r.URL)
		}
	}))
	defer echo.Close()
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	var heard bytes.Buffer
	book, db := openBook(t, &heard, config())
	client := NewClient()
	defer client.CloseIdleConnections()
	for k, url := range []string{
		echo.URL + secretPath,
		echo.URL + secretPath + "?do=redirect",
		echo.URL + secretPath + "?do=hang up",
		dead.URL + secretPath,
		"https://no such host" + secretPath,
		"https://hooks.slack.invalid" + secretPath,
		"gopher://x" + secretPath,
		"://" + secretPath,
		"https://[::1" + secretPath + "%zz",
	} {
		secret := secretFile(t, url)
		for _, to := range []Receiver{&SlackWebhook{URL: secret, Client: client}, &Webhook{URL: secret, Client: client}} {
			book.Apply(time.Now(), firing(time.Now(), fmt.Sprint(k)))
			batch, _, ok := book.Claim("slack", time.Now().Add(time.Hour))
			if !ok {
				t.Fatal("nothing to send")
			}
			o := to.Send(context.Background(), batch)
			if o.Result == alert.Delivered {
				t.Errorf("%T to %s: delivered", to, url)
			}
			fmt.Fprintf(&heard, "%+v %v %+v\n", o, secret, to)
			book.Settle(time.Now(), batch, o)
			book.Retry(time.Now())
		}
	}
	for _, name := range []string{"goroutine", "heap", "allocs"} {
		if err := pprof.Lookup(name).WriteTo(&heard, 2); err != nil {
			t.Fatal(err)
		}
	}
	look(t, "log, outcomes and dumps", heard.Bytes())
	err := filepath.WalkDir(db.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		look(t, path, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(heard.String(), "410") {
		t.Error("the log does not say why: the test looked at nothing")
	}
}

func look(t *testing.T, where string, b []byte) {
	t.Helper()
	for _, part := range []string{"T0SECRET", "B0SECRET", "wh0mayknow"} {
		if at := bytes.Index(b, []byte(part)); at >= 0 {
			t.Errorf("%s has the secret: %s", where, b[max(0, at-200):min(len(b), at+100)])
		}
	}
}

func TestSecret(t *testing.T) {
	t.Setenv("CLEW_TEST_HOOK", "  https://x/y \n")
	if got, err := (Secret{Env: "CLEW_TEST_HOOK"}).Read(); err != nil || got != "https://x/y" {
		t.Errorf("from the environment: %q, %v", got, err)
	}
	for name, s := range map[string]Secret{
		"a missing file": {File: filepath.Join(t.TempDir(), "none")}, "an empty file": secretFile(t, ""),
		"an unset variable": {Env: "CLEW_TEST_UNSET"}, "nothing": {},
		"a huge file": secretFile(t, strings.Repeat("x", maxSecret+1)),
	} {
		if _, err := s.Read(); err == nil {
			t.Errorf("%s was read as a secret", name)
		}
	}
}
