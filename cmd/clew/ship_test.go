package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/essink/esfake"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/requestlog"
)

// patience is for conditions that come true unless something is broken.
const patience = time.Minute

// called is what a call of the program came to.
type called struct {
	status   int
	out, err string
}

func call(ctx context.Context, args ...string) called {
	var out, talk bytes.Buffer
	s := cli.Streams{In: strings.NewReader(""), Out: bufio.NewWriter(&out), Err: &talk}
	err := run(ctx, s, args)
	_ = s.Out.Flush() // to memory
	if err != nil {
		talk.WriteString(err.Error())
	}
	return called{cli.Status(err), out.String(), talk.String()}
}

const traceOfOne = "0af7651916cd43dd8448eb211c80319c"

// logged makes a request log of n requests, the first of trace traceOfOne.
func logged(t *testing.T, n int, opts ...requestlog.Option) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "requests")
	l, err := requestlog.Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	h := trace.Handler(http.NotFoundHandler(), trace.WithObserver(l.Observe))
	for i := range n {
		r := httptest.NewRequest("GET", "/pay", nil)
		id := oteltrace.TraceID{1, 15: byte(i)}.String()
		if i == 0 {
			id = traceOfOne
		}
		r.Header.Set("Traceparent", "00-"+id+"-b7ad6b7169203331-01")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// guarded serves s to those who have the right credentials.
func guarded(t *testing.T, s *esfake.Server, authorization string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != authorization {
			http.Error(w, `{"error":{"type":"security_exception","reason":"missing credentials"},"status":401}`, http.StatusUnauthorized)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestSetupShipAndGrep(t *testing.T) {
	const n = 50
	for _, schema := range []struct {
		name, index string
		opt         requestlog.Schema
	}{{"ecs", "logs-clew.access-default", requestlog.ECS}, {"otel", "logs-clew.access.otel-default", requestlog.OTel}} {
		t.Run(schema.name, func(t *testing.T) {
			dir := logged(t, n, requestlog.WithSchema(schema.opt))
			server := &esfake.Server{Product: "OpenSearch", Version: "2.19.4"}
			url := guarded(t, server, "ApiKey k3y")
			key := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(key, []byte("k3y\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			flags := []string{"--url", url, "--api-key-file", key, "--schema", schema.name}
			if got := call(t.Context(), append([]string{"es", "setup", "--dry-run", "--json"}, flags...)...); got.status != 0 || !json.Valid([]byte(got.out)) || len(server.Put("/_index_template/"+schema.index)) != 0 {
				t.Errorf("dry run: %+v", got)
			}
			for range 2 {
				want := "OpenSearch 2.19.4, data stream " + schema.index + "\nput /_plugins/_ism/policies/" + schema.index + "\nput /_index_template/" + schema.index + "\n"
				if got := call(t.Context(), append([]string{"es", "setup"}, flags...)...); got != (called{out: want}) {
					t.Errorf("setup: %+v, want %q", got, want)
				}
			}
			got := call(t.Context(), append([]string{"ship", "--once", "--json", "-q", "--spool", dir}, flags...)...)
			if want := `{"schema_version":1,"stored":50,"already_there":0,"dead_letters":0,"retries":0,"lost":0}` + "\n"; got != (called{out: want}) {
				t.Errorf("ship: %+v, want %q", got, want)
			}
			if got := len(server.Docs(schema.index)); got != n {
				t.Errorf("%d documents stored, want %d", got, n)
			}
			// What has been shipped can still be found.
			line := call(t.Context(), "grep", "--spool", dir, strings.ToUpper(traceOfOne))
			if line.status != 0 || strings.Count(line.out, "\n") != 1 || !strings.Contains(line.out, traceOfOne) || !strings.Contains(line.out, `"/pay"`) {
				t.Errorf("grep: %+v", line)
			}
			var stored []string
			for _, id := range server.Docs(schema.index) {
				if doc := string(server.Doc(schema.index, id)); strings.Contains(doc, traceOfOne) {
					stored = append(stored, doc+"\n")
				}
			}
			if diff := cmp.Diff([]string{line.out}, stored); diff != "" {
				t.Errorf("grep and the server differ:\n%s", diff)
			}
		})
	}
}

func TestShipWithWrongCredentialsShowsNone(t *testing.T) {
	t.Setenv(passwordVar, "s3cret")
	dir := logged(t, 1)
	url := guarded(t, &esfake.Server{Product: "OpenSearch", Version: "2.19.4"}, "Basic other")
	got := call(t.Context(), "ship", "--once", "--spool", dir, "--url", url, "--user", "me")
	if got.status != 2 || !strings.Contains(got.err, "401: security_exception: missing credentials; it wants a user and password or an API key") || strings.Contains(got.err+got.out, "s3cret") {
		t.Errorf("%+v", got)
	}
}

func TestShipSaysWhatIsRefused(t *testing.T) {
	dir := logged(t, 3)
	server := &esfake.Server{Product: "OpenSearch", Version: "2.19.4", Fault: func(int) esfake.Fault { return esfake.Fault{Items: map[int]int{1: 400}} }}
	url := guarded(t, server, "")
	got := call(t.Context(), "ship", "--once", "--spool", dir, "--url", url)
	if got.status != 2 || !strings.Contains(got.err, "1 documents were refused: see dead-letters.jsonl") || !strings.HasPrefix(got.out, "2 documents stored, 1 refused") {
		t.Errorf("%+v", got)
	}
}

// A shipper starts before its server, delivers when it comes, and at the end what is
// still there.
func TestShipWaitsForItsServer(t *testing.T) {
	dir := logged(t, 5)
	server := &esfake.Server{Product: "Elasticsearch", Version: "9.3.0"}
	var mu sync.Mutex
	up, asked := false, make(chan bool, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		defer func() { asked <- true }() // when it has been served
		if !up {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	done := make(chan called, 1)
	go func() { done <- call(ctx, "ship", "--spool", dir, "--url", srv.URL) }()
	<-asked
	mu.Lock()
	up = true
	mu.Unlock()
	for len(server.Docs("logs-clew.access-default")) < 5 {
		select {
		case <-asked:
		case got := <-done:
			t.Fatalf("ended: %+v", got)
		}
	}
	stop()
	got := <-done
	if got.status != 0 || !strings.Contains(got.err, "waiting: the server answers 503") || !strings.HasPrefix(got.out, "5 documents stored") {
		t.Errorf("%+v", got)
	}
}
