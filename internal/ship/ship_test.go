package ship

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clewhq/clew/internal/essink"
	"github.com/clewhq/clew/internal/essink/esfake"
	"github.com/clewhq/clew/internal/spool"
)

const (
	index    = "logs-clew.access-default"
	patience = time.Minute
)

// fill appends documents with the numbers from and up, below to, to the spool.
func fill(t testing.TB, dir string, from, to int, more string) {
	t.Helper()
	w, err := spool.Open(dir, spool.Options{SegmentBytes: 64 << 10, MaxBlock: patience})
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if err := w.Append(fmt.Appendf(nil, `{"@timestamp":"2026-11-22T18:25:07.064123456Z","n":%d%s}`, i, more)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// ids are those of all that is in the spool, sorted.
func ids(t testing.TB, dir string) []string {
	t.Helper()
	r := spool.NewReader(dir, spool.Cursor{})
	defer func() { _ = r.Close() }()
	var all []string
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(all)
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rec.ID())
	}
}

// serve runs a fake server and returns the way to it.
func serve(t *testing.T, s *esfake.Server) essink.Bulk {
	t.Helper()
	if s.Product == "" {
		s.Product, s.Version = essink.OpenSearch, "2.19.4"
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	b, err := essink.NewPlain(essink.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// soon is a Sleep that does not wait long, and notes how long it should have.
func soon(waits *atomic.Int64) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		if old := waits.Load(); int64(d) > old {
			waits.Store(int64(d))
		}
		return sleep(ctx, time.Millisecond)
	}
}

func mustFlush(t *testing.T, c Config) *Shipper {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Errorf("Flush: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return s
}

func TestAllFaultsOfAServer(t *testing.T) {
	const n = 1000
	for _, c := range []struct {
		name  string
		fault func(n int) esfake.Fault
		max   int // bytes of a request
		again bool
		tries bool // there are retries
	}{
		{name: "none"},
		{name: "busy", fault: func(n int) esfake.Fault { return on(n%3 != 0, esfake.Fault{Status: 429}) }, tries: true},
		{name: "unavailable", fault: func(n int) esfake.Fault { return on(n < 5, esfake.Fault{Status: 503}) }, tries: true},
		{name: "bad gateway", fault: func(n int) esfake.Fault { return on(n < 3, esfake.Fault{Status: 502}) }, tries: true},
		{name: "timeout", fault: func(n int) esfake.Fault { return on(n == 2, esfake.Fault{Status: 408}) }, tries: true},
		{name: "key withdrawn for a while", fault: func(n int) esfake.Fault { return on(n < 4, esfake.Fault{Status: 401}) }, tries: true},
		{name: "answers lost after storing", fault: func(n int) esfake.Fault { return on(n%2 == 1, esfake.Fault{Cut: true}) }, again: true, tries: true},
		{name: "half an answer", fault: func(n int) esfake.Fault { return on(n%2 == 1, esfake.Fault{Torn: true}) }, again: true, tries: true},
		{name: "some documents later", fault: func(n int) esfake.Fault {
			return on(n < 4, esfake.Fault{Items: map[int]int{0: 429, 7: 503, 8: 403, 9: 404}})
		}, tries: true},
		{name: "requests too large", max: 2000, tries: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			fill(t, dir, 0, n, "")
			server := &esfake.Server{Fault: c.fault, MaxBytes: c.max}
			var waits atomic.Int64
			s := mustFlush(t, Config{Spool: dir, Sink: serve(t, server), Index: index, BatchDocs: 64, Sleep: soon(&waits)})
			if diff := cmp.Diff(ids(t, dir), server.Docs(index)); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			st := s.Stats()
			if st.Stored != n || st.Dead != 0 || st.Lost != 0 || (st.Again > 0) != c.again || (st.Retries > 0) != c.tries {
				t.Errorf("%+v", st)
			}
			// Nothing is left, and nothing is sent again.
			again := mustFlush(t, Config{Spool: dir, Sink: serve(t, server), Index: index})
			if st := again.Stats(); st != (Stats{}) {
				t.Errorf("the second time: %+v", st)
			}
		})
	}
}

func on(yes bool, f esfake.Fault) esfake.Fault {
	if yes {
		return f
	}
	return esfake.Fault{}
}

func TestWhatIsRefusedForGoodIsPutAside(t *testing.T) {
	dir := t.TempDir()
	w, err := spool.Open(dir, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{
		`{"@timestamp":"2026-11-22T18:25:07Z"}`, `{"no":"timestamp"}`, `no JSON`, "{\n}", `{"@timestamp":"2026-11-22T18:25:07Z","n":5}`,
		`{"@timestamp":"2026-11-22T18:25:07Z","big":"` + strings.Repeat("x", 3000) + `"}`,
	} {
		if err := w.Append([]byte(doc)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	server := &esfake.Server{MaxBytes: 2000}
	var waits atomic.Int64
	s := mustFlush(t, Config{Spool: dir, Sink: serve(t, server), Index: index, Sleep: soon(&waits)})
	if st := s.Stats(); st.Stored != 2 || st.Dead != 4 || len(server.Docs(index)) != 2 {
		t.Errorf("%+v, %d documents stored", st, len(server.Docs(index)))
	}
	b, err := os.ReadFile(filepath.Join(dir, DeadLetters))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d dead letters:\n%s", len(lines), b)
	}
	for _, want := range []string{`"status":400,"reason":"some_exception: some reason","document":{"no":"timestamp"}`, `"text":"no JSON"`, `"reason":"the document has more than one line"`, `"status":413`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 0, 3, "")
	server := &esfake.Server{Fault: func(n int) esfake.Fault { return on(n == 1, esfake.Fault{Status: 429, RetryAfter: "17"}) }}
	var waits atomic.Int64
	mustFlush(t, Config{Spool: dir, Sink: serve(t, server), Index: index, Sleep: soon(&waits)})
	if got := time.Duration(waits.Load()); got != 17*time.Second {
		t.Errorf("waited %v, want the 17 s that the server asked for", got)
	}
}

func TestBackoff(t *testing.T) {
	for try := range 100 {
		var longest time.Duration
		for range 200 {
			longest = max(longest, backoff(try))
		}
		bound := min(longestWait, firstWait<<min(try, 20)) + time.Millisecond
		if longest > bound || longest < bound/4 {
			t.Errorf("try %d: the longest of 200 waits is %v, want up to %v", try, longest, bound)
		}
	}
}

func TestServerGoneAndBack(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 0, 500, "")
	server := &esfake.Server{Product: essink.OpenSearch, Version: "2.19.4"}
	var up atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	}))
	defer srv.Close()
	sink, err := essink.New(essink.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	reports := make(chan error, 100)
	var waits atomic.Int64
	s, err := Open(Config{Spool: dir, Sink: sink, Index: index, Sleep: soon(&waits), Report: func(err error) { reports <- err }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	if err := <-reports; err == nil {
		t.Error("nothing said of the server's being away")
	}
	up.Store(true)
	for deadline := time.Now().Add(patience); len(server.Docs(index)) < 500; {
		if time.Now().After(deadline) {
			t.Fatalf("%d documents stored", len(server.Docs(index)))
		}
		time.Sleep(time.Millisecond)
	}
	fill(t, dir, 500, 600, "") // while it runs
	for deadline := time.Now().Add(patience); len(server.Docs(index)) < 600; {
		if time.Now().After(deadline) {
			t.Fatalf("%d documents stored", len(server.Docs(index)))
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	if err := <-ran; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(ids(t, dir), server.Docs(index)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestFlushNamesWhatRemains(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 0, 100, "")
	server := &esfake.Server{Fault: func(int) esfake.Fault { return esfake.Fault{Status: 503} }}
	s, err := Open(Config{Spool: dir, Sink: serve(t, server), Index: index})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Flush(ctx); err == nil || !strings.Contains(err.Error(), "100 documents remain in the spool") {
		t.Errorf("Flush: %v", err)
	}
	if _, err := Open(Config{Spool: dir, Sink: serve(t, server)}); !errors.Is(err, spool.ErrLocked) {
		t.Errorf("a second Shipper: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	server.Fault = nil
	if st := mustFlush(t, Config{Spool: dir, Sink: serve(t, server), Index: index}).Stats(); st.Stored != 100 {
		t.Errorf("the next time: %+v", st)
	}
}

func TestShippedSegmentsGoAway(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 0, 5000, "")
	server := &esfake.Server{}
	mustFlush(t, Config{Spool: dir, Sink: serve(t, server), Index: index, Keep: -1})
	left, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(left) != 1 {
		t.Errorf("%d segments left, want the last: %v", len(left), err)
	}
	if n := len(server.Docs(index)); n != 5000 {
		t.Errorf("%d documents", n)
	}
}

func TestLostRecordsAreTold(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, 0, 10, "")
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	b[200] ^= 1
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	server := &esfake.Server{}
	if st := mustFlush(t, Config{Spool: dir, Sink: serve(t, server), Index: index}).Stats(); st.Stored != 9 || st.Lost != 1 {
		t.Errorf("%+v, want 9 stored and 1 lost", st)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	if _, err := Open(Config{Spool: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a spool that is not there was opened")
	}
	if _, err := Open(Config{Spool: t.TempDir(), BatchDocs: -1}); err == nil {
		t.Error("a size below 0 was taken")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cursor.json"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Spool: dir}); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("a damaged cursor: %v", err)
	}
}
