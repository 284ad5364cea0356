package ship

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/essink"
	"github.com/clewhq/clew/internal/essink/esfake"
)

// gone is how long the server is away.
func gone(t *testing.T) time.Duration {
	text := os.Getenv("CLEW_GONE")
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CLEW_GONE: %v", err)
	}
	return d
}

// The server goes away in the middle of it for CLEW_GONE, such as 1m, by the clock and with the waits
// that users have, while documents keep coming. Half of the requests that it still answered were stored
// without the answer's arriving. In the end every document of the spool is on the server, once.
func TestServerGoneForAWhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, dir, 0, 300, "")
	server := &esfake.Server{Product: essink.OpenSearch, Version: "2.19.4"}
	var away atomic.Bool
	var served atomic.Int64
	left := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		if r.Method == http.MethodPost && served.Add(1)%2 == 0 {
			server.ServeHTTP(httptest.NewRecorder(), r) // stored, and nobody told
			if served.Load() == 4 {
				away.Store(true)
				left <- struct{}{}
			}
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	sink, err := essink.NewPlain(essink.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Spool: dir, Sink: sink, Index: index, BatchDocs: 50, InFlight: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	await(t, left)
	start := time.Now()
	for n := 300; time.Since(start) < gone(t); n += 10 {
		fill(t, dir, n, n+10, "")
		time.Sleep(gone(t) / 50)
	}
	away.Store(false)
	want := ids(t, dir)
	for deadline := time.Now().Add(2 * patience); len(server.Docs(index)) < len(want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d documents stored", len(server.Docs(index)), len(want))
		}
	}
	stop()
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, server.Docs(index)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	stats := s.Stats()
	if stats.Again == 0 || stats.Retries == 0 || stats.Dead != 0 || stats.Lost != 0 {
		t.Errorf("%+v", stats)
	}
	t.Logf("%d documents, the server away for %v: %+v", len(want), gone(t), stats)
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("the server was not asked often enough")
	}
}
