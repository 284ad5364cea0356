package profile_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// got is an upload that the server has taken.
type got struct {
	name    string
	from    string
	profile *profile.Profile
	header  http.Header
	raw     []byte
}

// kind is the profile's first sample type: "samples" of CPU, "alloc_objects", "goroutine", ….
func (g got) kind() string { return g.profile.SampleType[0].Type }

// server is a Pyroscope that keeps what it is sent. fail, if set, may answer first.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	uploads []got
	tries   int
	fail    func(try int, w http.ResponseWriter) bool
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.take(t, w, r) }))
	t.Cleanup(s.Close)
	return s
}

func (s *server) take(t *testing.T, w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.fail != nil && s.fail(s.tries, w) {
		return
	}
	f, _, err := r.FormFile("profile")
	if err != nil || r.URL.Path != "/ingest" {
		t.Errorf("%s: %v", r.URL.Path, err)
		return
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Error(err)
	}
	p, err := profile.Parse(bytes.NewReader(raw))
	if err != nil {
		t.Errorf("the profile can't be read: %v", err)
		return
	}
	q := r.URL.Query()
	s.uploads = append(s.uploads, got{q.Get("name"), q.Get("from"), p, r.Header, raw})
}

func (s *server) all() []got {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]got(nil), s.uploads...)
}

// kinds counts the uploads by kind.
func (s *server) kinds() map[string]int {
	m := map[string]int{}
	for _, g := range s.all() {
		m[g.kind()]++
	}
	return m
}

// eventually waits for ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in a minute it was not seen that %s", what)
		}
	}
}

// burn keeps a processor busy for about d of its own time, however many share it: the CPU profile counts
// that, not the time of day. What a processor does in a millisecond is rather under- than overrated.
func burn(d time.Duration) {
	n := uint64(d.Milliseconds()) * 1_000_000
	x := burnt
	for i := range n {
		x = x*6364136223846793005 + i
	}
	burnt = x
}

// burnt is what the work comes to. Only one goroutine burns at a time.
var burnt uint64
