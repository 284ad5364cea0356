package batch

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/clewhq/clew/trace/provider/internal/otlp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	one = otlp.Scope(instrumentation.Scope{Name: "one", SchemaURL: "https://example.com"})
	two = otlp.Scope(instrumentation.Scope{Name: "two"})
)

// span is a span with that name, of at least size bytes.
func span(name string, size int) []byte {
	b := otlp.AppendText(nil, 5, name)
	return otlp.AppendString(b, otlp.SpanAttribute, "filler", string(bytes.Repeat([]byte{'x'}, size)), -1)
}

// decode returns the names of the spans in r, each behind its scope's.
func decode(t *testing.T, r *Request) (names []string) {
	t.Helper()
	var req coltracepb.ExportTraceServiceRequest
	b := bytes.Join(r.Pieces, nil)
	if err := proto.Unmarshal(b, &req); err != nil || len(b) != r.Size || len(req.ResourceSpans) != 1 {
		t.Fatalf("%d bytes of %d: %v", len(b), r.Size, err)
	}
	seen := map[string]bool{}
	for _, ss := range req.ResourceSpans[0].ScopeSpans {
		if seen[ss.Scope.Name] {
			t.Errorf("scope %s is there twice", ss.Scope.Name)
		}
		seen[ss.Scope.Name] = true
		for _, s := range ss.Spans {
			names = append(names, ss.Scope.Name+" "+s.Name)
		}
	}
	if len(names) != r.Spans {
		t.Errorf("%d spans, said to be %d", len(names), r.Spans)
	}
	return names
}

// take takes and recycles all that is sealed.
func take(t *testing.T, s *Set) (requests [][]string) {
	t.Helper()
	for r := s.Next(s.Mark()); r != nil; r = s.Next(s.Mark()) {
		requests = append(requests, decode(t, r))
		s.Recycle(r)
	}
	return requests
}

func TestScopesAreGathered(t *testing.T) {
	s := New(Config{Shards: 2, Bytes: 1 << 20, Spans: 100})
	for i, scope := range []*otlp.Enclosure{&one, &two, &one, &two, &two} {
		s.Add(s.Shard(uint32(i)), scope, span(fmt.Sprint(i), 10))
	}
	s.Seal()
	got := take(t, s)
	if len(got) != 1 || len(got[0]) != 5 {
		t.Fatalf("got %v, want all in one request", got)
	}
	slices.Sort(got[0])
	if want := []string{"one 0", "one 2", "two 1", "two 3", "two 4"}; !slices.Equal(got[0], want) {
		t.Errorf("got %v, want %v", got[0], want)
	}
}

func TestRequestsAreNoLargerThanConfigured(t *testing.T) {
	s := New(Config{Shards: 3, Bytes: 1 << 20, Spans: 10})
	for i := range 95 {
		s.Add(s.Shard(uint32(i)), &one, span("a", 1))
	}
	s.Seal()
	n := 0
	for _, r := range take(t, s) {
		if len(r) > 10 {
			t.Errorf("%d spans in a request", len(r))
		}
		n += len(r)
	}
	if n != 95 {
		t.Errorf("%d spans, want 95", n)
	}
}

// TestMarkEndsAFlush: what is sealed after the mark is not waited for.
func TestMarkEndsAFlush(t *testing.T) {
	s := New(Config{Shards: 1, Bytes: 1 << 20, Spans: 1})
	s.Add(s.Shard(0), &one, span("before", 1))
	mark := s.Seal()
	s.Add(s.Shard(0), &one, span("after", 1))
	if r := s.Next(mark); r == nil || decode(t, r)[0] != "one before" {
		t.Errorf("got %+v", r)
	}
	if r := s.Next(mark); r != nil {
		t.Errorf("got %v", decode(t, r))
	}
}

// TestMemoryIsBounded: with nobody sending, nothing exceeds the bound, all that is dropped is counted,
// and all comes back.
func TestMemoryIsBounded(t *testing.T) {
	const bound = 256 << 10
	for _, size := range []int{10, 300, 5000, 100_000, 300_000} {
		s := New(Config{Shards: 4, Bytes: bound, Spans: 512})
		kept, held, n := 0, 0, 20+4*bound/size
		b := span("a", size)
		for i := range n {
			before := s.Counts().Dropped
			s.Add(s.Shard(uint32(i)), []*otlp.Enclosure{&one, &two}[i%3&1], b)
			if s.Counts().Dropped == before {
				kept++
				held += len(b)
			}
			if s.Used() > bound {
				t.Fatalf("size %d: %d bytes in use", size, s.Used())
			}
		}
		if size < 100_000 && held < bound/3 {
			t.Errorf("size %d: only %d bytes of spans are kept in %d", size, held, bound)
		}
		if c := s.Counts(); int(c.Ended) != n || int(c.Dropped) != n-kept || kept == n {
			t.Errorf("size %d: %+v, kept %d", size, c, kept)
		}
		if !s.Starved() {
			t.Errorf("size %d: nobody has been told", size)
		}
		s.Seal()
		taken := 0
		for _, r := range take(t, s) {
			taken += len(r)
		}
		if taken != kept {
			t.Errorf("size %d: %d spans, want %d", size, taken, kept)
		}
		s.Trim()
		if s.Used() != 0 {
			t.Errorf("size %d: %d bytes are lost", size, s.Used())
		}
	}
}

func TestQueueIsBounded(t *testing.T) {
	s := New(Config{Shards: 2, Bytes: 1 << 20, Spans: 5, Queue: 12})
	for i := range 20 {
		s.Add(s.Shard(uint32(i)), &one, span("a", 1))
	}
	if c := s.Counts(); c.Dropped != 8 {
		t.Errorf("%+v, want 8 dropped", c)
	}
	s.Seal()
	take(t, s)
	s.Add(s.Shard(0), &one, span("a", 1))
	if c := s.Counts(); c.Dropped != 8 || c.Ended != 21 {
		t.Errorf("%+v: there is room again", c)
	}
}

// TestWaiting: nothing is dropped, however little room there is, by either bound.
func TestWaiting(t *testing.T) {
	for _, cfg := range []Config{{Bytes: 64 << 10, Spans: 50}, {Bytes: 1 << 20, Spans: 5, Queue: 7}} {
		cfg.Shards, cfg.Wait = 3, true
		s := New(cfg)
		done := make(chan struct{})
		var all sync.WaitGroup
		for g := range 4 {
			all.Go(func() {
				sh := s.Shard(uint32(g))
				for i := range 500 {
					sh = s.Add(sh, &one, span("a", 1+i%2000))
				}
			})
		}
		go func() { all.Wait(); close(done) }()
		n := 0
		for running := true; running; {
			select {
			case <-s.Ready():
				if s.Starved() {
					s.Seal()
				}
			case <-done:
				running = false
				s.Close()
			}
			for _, r := range take(t, s) {
				n += len(r)
			}
		}
		if c := s.Counts(); n != 2000 || c.Dropped != 0 {
			t.Errorf("%d of 2000 spans, %+v", n, c)
		}
	}
}

// TestCloseWakesWhoWaits: they would wait for ever.
func TestCloseWakesWhoWaits(t *testing.T) {
	s := New(Config{Shards: 1, Bytes: 64 << 10, Spans: 10, Wait: true})
	s.Add(s.Shard(0), &one, make([]byte, 1<<20)) // never fits, and must not wait
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 200 {
				s.Add(s.Shard(0), &one, span("a", 1000))
			}
		})
	}
	<-s.Ready()
	for !s.Starved() {
		<-s.Ready()
	}
	s.Close()
	all.Wait()
	n := 0
	for _, r := range take(t, s) {
		n += len(r)
	}
	if c := s.Counts(); c.Ended+c.Late != 601 || int(c.Ended-c.Dropped) != n {
		t.Errorf("%+v, %d taken", c, n)
	}
}
