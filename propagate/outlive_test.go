package propagate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
)

// TestOutlivedSpans lets 10,000 goroutines outlive the span they were started
// under: none may find it as the parent of what it starts next.
func TestOutlivedSpans(t *testing.T) {
	needAmbient(t)
	const n = 10_000
	type seen struct{ before, after, origin Ref }
	var (
		release = make(chan struct{})
		started = make(chan Ref, n)
		results = make(chan seen, n)
		spans   = map[Ref]Ref{} // by span: the live one around it, zero for every second
	)
	around := newRef()
	for i := range n {
		outer := Ref{}
		if i%2 == 0 {
			outer = around
		}
		r := New(sampled(), outer)
		spans[r] = outer
		scope := r.Enter()
		go func() {
			s := seen{before: Current()}
			started <- s.before
			<-release
			s.after = FromContext(bg)
			s.origin, _ = Origin()
			results <- s
		}()
		scope.Leave()
	}
	for range n {
		<-started
	}
	for r := range spans {
		r.End()
	}
	close(release)
	nested, wrong := 0, 0
	for range n {
		s := <-results
		outer, ok := spans[s.origin]
		if s.after == s.origin || s.after.Ended() {
			nested++
		}
		if !ok || s.before != s.origin || s.after != outer {
			wrong++
		}
	}
	if nested != 0 || wrong != 0 {
		t.Errorf("%d of %d goroutines would nest under an ended span, %d see something else than the live span around", nested, n, wrong)
	}
}

// TestRetention measures what a parked goroutine keeps of an ended span.
func TestRetention(t *testing.T) {
	needAmbient(t)
	const n = 2000
	park := func(r func() Ref) (perGoroutine float64) {
		release, parked, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
		before := heapInUse()
		for range n {
			ref := r()
			scope := ref.Enter()
			go func() {
				parked <- struct{}{}
				<-release
				gone <- struct{}{}
			}()
			scope.Leave()
			ref.End()
		}
		for range n {
			<-parked
		}
		perGoroutine = (float64(heapInUse()) - float64(before)) / n
		close(release)
		for range n {
			<-gone
		}
		return perGoroutine
	}
	park(func() Ref { return Ref{} }) // goroutines are reused from here on
	var kept []float64
	for range 5 {
		without := park(func() Ref { return Ref{} })
		with := park(func() Ref {
			return New(&spanWithAttributes{sampled(), make([]byte, 4096)}, Ref{})
		})
		kept = append(kept, with-without)
	}
	slices.Sort(kept)
	median := kept[len(kept)/2]
	t.Logf("an ended span keeps %.0f bytes in a parked goroutine", median)
	if median > 200 {
		t.Errorf("a parked goroutine keeps %.0f bytes of an ended span, want at most 200", median)
	}
	if median < 100 {
		t.Errorf("%.0f bytes kept: the measurement does not see the cell at all", median)
	}
}

// TestPoolDoesNotGrow sends a million requests through workers that an early
// request started, every hundredth by way of a user's pprof.Do, which enters its
// cell in the registry. What the first tenth leaves behind is all there may be.
func TestPoolDoesNotGrow(t *testing.T) {
	needAmbient(t)
	requests := 1_000_000
	if testing.Short() {
		requests = 50_000
	}
	jobs, done, wrong := make(chan func()), make(chan struct{}), 0
	request := func(i int) {
		r := New(&spanWithAttributes{sampled(), make([]byte, 512)}, Ref{})
		defer r.End()
		defer r.Enter().Leave()
		if i == 0 {
			for range 2 {
				go func() {
					for job := range jobs {
						job()
						done <- struct{}{}
					}
				}()
			}
		}
		check := func(context.Context) {
			if Current() != r {
				wrong++ // one job runs at a time
			}
		}
		job := Bind(func() { check(bg) })
		if i%100 == 0 {
			job = Bind(func() { pprof.Do(NewContext(bg, r), pprof.Labels("user", "x"), check) })
		}
		jobs <- job
		<-done
	}
	for i := range requests / 10 {
		request(i)
	}
	before := heapInUse()
	for i := requests / 10; i < requests; i++ {
		request(i)
	}
	grown := int64(heapInUse()) - int64(before)
	close(jobs)
	t.Logf("%d requests more, %d bytes more", requests-requests/10, grown)
	if grown > 64<<10 {
		t.Errorf("%d requests through a pool leave %d bytes behind", requests-requests/10, grown)
	}
	if wrong > 0 {
		t.Errorf("%d of %d jobs ran under another request's context", wrong, requests)
	}
}

type spanWithAttributes struct {
	*testSpan
	attributes []byte
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestCPUProfileAttribution burns CPU in four places under one span and wants
// the samples to name its trace.
func TestCPUProfileAttribution(t *testing.T) {
	needAmbient(t)
	r := newRef()
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		t.Fatal(err)
	}
	jobs, done := make(chan func()), make(chan struct{})
	go func() { // a worker older than the span
		for job := range jobs {
			job()
		}
		close(done)
	}()
	scope := r.Enter()
	burn()
	child := make(chan struct{})
	go func() {
		burn()
		close(child)
	}()
	<-child
	pprof.Do(NewContext(bg, r), pprof.Labels("user", "label"), func(context.Context) { burn() })
	jobs <- Bind(burn)
	close(jobs)
	<-done
	scope.Leave()
	pprof.StopCPUProfile()

	got := burnt(t, &profile)
	id := r.SpanContext().TraceID().String()
	if got.total == 0 || got.byTrace[id] != got.total {
		t.Errorf("samples in burn by trace: %v of %d, want all under %s", got.byTrace, got.total, id)
	}
	if got.user == 0 {
		t.Error("no sample has the user's own label")
	}
	t.Logf("%d samples, all under the trace; %d in the user's pprof.Do", got.total, got.user)
}

//go:noinline
func burn() {
	x := uint64(1)
	for range 60_000_000 { // some 50 ms of CPU, however busy the machine is
		x ^= x << 13
		x ^= x >> 7
	}
	runtime.KeepAlive(x)
}

type attribution struct {
	total, user int
	byTrace     map[string]int
}

// TestGoroutineDump wants the goroutine profile to name the trace.
func TestGoroutineDump(t *testing.T) {
	needAmbient(t)
	r := newRef()
	defer r.Enter().Leave()
	var dump bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
		t.Fatal(err)
	}
	sc := r.SpanContext()
	line := fmt.Sprintf(`# labels: {"span_id":%q, "trace_id":%q}`, sc.SpanID().String(), sc.TraceID().String())
	if !strings.Contains(dump.String(), line) {
		t.Errorf("the goroutine profile lacks the line %s", line)
	}
}

// TestHTTPConnectionLoops wants the goroutines that serve an idle client
// connection not to carry the trace of the request that opened it, when the
// transport dials through DialContext, and shows that they would otherwise.
func TestHTTPConnectionLoops(t *testing.T) {
	needAmbient(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !Current().IsZero() {
			t.Error("the server's handler carries the client's context")
		}
		_, _ = io.WriteString(w, "ok")
	}))
	defer server.Close()
	for _, wrapped := range []bool{false, true} {
		transport := &http.Transport{}
		if wrapped {
			transport.DialContext = DialContext(nil)
		}
		client := &http.Client{Transport: transport}
		r := newRef()
		scope := r.Enter()
		resp, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		want(t, "the caller", Current(), r)
		scope.Leave()
		var dump bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&dump, 1); err != nil {
			t.Fatal(err)
		}
		if carries := strings.Contains(dump.String(), r.SpanContext().TraceID().String()); carries == wrapped {
			t.Errorf("dialled through DialContext %v: connection loops carry the trace: %v", wrapped, carries)
		}
		transport.CloseIdleConnections()
	}
}
