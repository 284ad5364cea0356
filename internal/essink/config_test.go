package essink

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/essink/esfake"
)

func TestConfigThatCannotBe(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]Config{
		"not of the form":         {URL: "es:9200"},
		"not of the form http":    {URL: "ftp://es:9200"},
		"holds a user":            {URL: "http://me:s3cret@es:9200"},
		"more than a path":        {URL: "http://es:9200?key=s3cret"},
		"both a user and":         {URL: "http://es:9200", User: "me", Password: "s3cret", APIKey: "s3cret"},
		"belong together":         {URL: "http://es:9200", Password: "s3cret"},
		"a user and a password b": {URL: "http://es:9200", User: "me"},
		"line break":              {URL: "http://es:9200", APIKey: "s3cret\n"},
		"no such file":            {URL: "http://es:9200", CAFile: empty + "no"},
		"none in PEM":             {URL: "http://es:9200", CAFile: empty},
	} {
		for _, impl := range implementations {
			_, err := impl.new(c)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v, want something with %q and no secret", impl.name, err, want)
			}
		}
	}
	if said := fmt.Sprintf("%v %+v %#v %s", Config{APIKey: "s3cret"}, Config{Password: "s3cret"}, Config{APIKey: "s3cret"}, Secret("s3cret")); strings.Contains(said, "s3cret") {
		t.Errorf("printed: %s", said)
	}
}

func TestTLSAndCredentials(t *testing.T) {
	server := &esfake.Server{Product: OpenSearch, Version: "3.4.0"}
	var wants string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != wants {
			http.Error(w, `{"status":401,"error":{"type":"security_exception","reason":"no"}}`, http.StatusUnauthorized)
			return
		}
		server.ServeHTTP(w, r)
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it tells of who does not trust it
	srv.StartTLS()
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	each(t, Config{URL: srv.URL}, func(t *testing.T, b Bulk) {
		var unknown *tls.CertificateVerificationError
		if _, err := b.Ping(t.Context()); !errors.As(err, &unknown) {
			t.Errorf("Ping of a server that nobody vouches for: %v", err)
		}
	})
	for header, c := range map[string]Config{
		"Basic bWU6czNjcmV0": {User: "me", Password: "s3cret"},
		"ApiKey azN5":        {APIKey: "azN5"},
		"":                   {},
	} {
		wants = header
		c.URL, c.CAFile = srv.URL, ca
		each(t, c, func(t *testing.T, b Bulk) {
			if f, err := b.Ping(t.Context()); err != nil || f.Major != 3 {
				t.Errorf("Ping with %q: %v, %v", header, f, err)
			}
		})
	}
	wants = "something else"
	each(t, Config{URL: srv.URL, CAFile: ca, User: "me", Password: "s3cret"}, func(t *testing.T, b Bulk) {
		var answer *Error
		if _, err := b.Ping(t.Context()); !errors.As(err, &answer) || answer.Status != 401 || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Ping with the wrong password: %v", err)
		}
	})
}

// What an answer says beside its body comes through olivere as well.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header string
		body   string
		want   Error
	}{
		{"busy", 429, "17", `{"status":429,"error":{"type":"rejected","reason":"queue full","caused_by":{"type":"x","reason":"too many"}}}`, Error{429, "rejected: queue full: too many", 17 * time.Second}},
		{"a reason that is no object", 405, "", `{"error":"Incorrect HTTP method","status":405}`, Error{405, "Incorrect HTTP method", 0}},
		{"a proxy's page", 502, "", "<html>", Error{502, "", 0}},
		{"empty", 413, "", "", Error{413, "", 0}},
		{"too long a wait", 503, "100000", "", Error{503, "", maxRetryAfter}},
		{"a wait until the past", 503, "Wed, 21 Oct 2015 07:28:00 GMT", "", Error{503, "", 0}},
		{"no time", 503, "soon", "", Error{503, "", 0}},
		{"elsewhere", 307, "", "", Error{307, "", 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				if c.status == 307 {
					w.Header().Set("Location", "http://127.0.0.1:1/")
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer srv.Close()
			each(t, Config{URL: srv.URL}, func(t *testing.T, b Bulk) {
				_, err := b.Do(t.Context(), "x", []Doc{doc("a", "")})
				var got *Error
				if !errors.As(err, &got) {
					t.Fatalf("Do: %v, want an *Error", err)
				}
				if diff := cmp.Diff(c.want, *got); diff != "" {
					t.Errorf("Do (-want +got):\n%s", diff)
				}
				if _, err := b.Call(t.Context(), http.MethodPut, "/_index_template/x", []byte("{}")); !errors.As(err, &got) || got.Status != c.status {
					t.Errorf("Call: %v", err)
				}
			})
		})
	}
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	each(t, Config{URL: srv.URL, Timeout: 50 * time.Millisecond}, func(t *testing.T, b Bulk) {
		var late interface{ Timeout() bool }
		if _, err := b.Do(t.Context(), "x", []Doc{doc("a", "")}); !errors.As(err, &late) || !late.Timeout() {
			t.Errorf("Do: %v, want a timeout", err)
		}
	})
}

func TestAnswersThatFitNoRequest(t *testing.T) {
	for _, body := range []string{`{"items":[]}`, `{"items":[{"create":{"status":201}},{"create":{"status":201}}]}`, `{`, ``, `[]`, `"x"`} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		each(t, Config{URL: srv.URL}, func(t *testing.T, b Bulk) {
			if r, err := b.Do(t.Context(), "x", []Doc{doc("a", "")}); err == nil {
				t.Errorf("the answer %s to one document counts as %v", body, r)
			}
		})
		srv.Close()
	}
}

func TestPingOfStrangers(t *testing.T) {
	for body, want := range map[string]string{
		`<html>`: "neither Elasticsearch nor OpenSearch",
		`{"tagline":"You Know, for Search","version":{"number":"x"}}`: "read the version",
		`{"tagline":"something else"}`:                                "neither Elasticsearch nor OpenSearch",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		each(t, Config{URL: srv.URL}, func(t *testing.T, b Bulk) {
			if _, err := b.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want something with %q", body, err, want)
			}
		})
		srv.Close()
	}
}
