package timeline_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	rtrace "runtime/trace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/propagate/timeline"
	"github.com/clewhq/clew/propagate/timeline/mark"
)

var ids atomic.Uint64

// span begins a span as package trace does, which stands above this one.
func span(name string) (id string, end func()) {
	var s oteltrace.SpanID
	binary.BigEndian.PutUint64(s[:], ids.Add(1))
	sc := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: s, TraceFlags: oteltrace.FlagsSampled})
	mark.Mark{Kind: mark.Begin, Trace: sc.TraceID(), Span: s, Name: name}.Write()
	ref := propagate.New(oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(context.Background(), sc)), propagate.Ref{})
	scope := ref.Enter()
	return s.String(), func() {
		mark.Mark{Kind: mark.End, Span: s}.Write()
		ref.End()
		scope.Leave()
	}
}

// record runs f under the execution tracer.
func record(t testing.TB, f func()) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := rtrace.Start(&buf); err != nil {
		t.Skip("somebody traces this test: ", err)
	}
	f()
	rtrace.Stop()
	return buf.Bytes()
}

func read(t *testing.T, data []byte) *timeline.Report {
	t.Helper()
	r, err := timeline.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range r.Warnings {
		t.Error("warning: ", w)
	}
	for _, s := range r.Spans {
		if got, want := s.Own.Total(), s.End-s.Start; got != want {
			t.Errorf("span %s: the parts sum to %v, the span is %v", s.Name, got, want)
		}
	}
	return r
}

// request sleeps, has a worker do something and waits for it.
func request() (id string) {
	jobs, done := make(chan func()), make(chan bool)
	go propagate.Background(func() {
		for j := range jobs {
			rtrace.WithRegion(context.Background(), "job", j)
		}
	})
	defer close(jobs)
	id, end := span("request")
	defer end()
	time.Sleep(time.Millisecond)
	jobs <- func() { time.Sleep(time.Millisecond); done <- true }
	<-done
	return id
}

func TestLive(t *testing.T) {
	var id string
	r := read(t, record(t, func() { id = request() }))
	s := r.Find(id)
	if s == nil {
		t.Fatalf("span %s is not in the report:\n%+v", id, r)
	}
	if !s.Complete || s.Name != "request" {
		t.Errorf("span is %+v, want it complete and called request", s)
	}
	if s.Own.Running == 0 || s.Own.Waiting["sleep"] < time.Millisecond || s.Own.Waiting["chan receive"] == 0 {
		t.Errorf("time is %+v, want running, sleep and chan receive in it", s.Own)
	}
	if s.Own.Unknown != 0 || s.Own.Suspended != 0 {
		t.Errorf("time is %+v, want nothing unknown or suspended", s.Own)
	}
	if r.Start.IsZero() || time.Since(r.Start) < 0 || time.Since(r.Start) > time.Hour {
		t.Errorf("the trace began at %v, want about now", r.Start)
	}
}

// TestHandOffs has workers that carry nothing take a thousand pieces of work from
// spans on several goroutines. Whose each was is in its region's name: a claim
// must be right or not be made.
func TestHandOffs(t *testing.T) {
	for _, tt := range []struct {
		name             string
		workers, senders int
		buffer           int
	}{
		{"idle workers", 8, 1, 0},
		{"two workers", 2, 1, 2},
		{"backlog", 2, 8, 64},
		{"many of both", 8, 8, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const n = 1000
			r := read(t, record(t, func() { handOffs(tt.workers, tt.senders, tt.buffer, n) }))
			right, wrong := 0, 0
			for _, s := range r.Spans {
				for _, w := range s.Elsewhere {
					if w.How != timeline.HandedOver {
						continue
					}
					if w.Region == s.SpanID {
						right++
					} else {
						wrong++
						t.Errorf("work of %s is said to be that of %s", w.Region, s.SpanID)
					}
				}
			}
			t.Logf("%d right, %d wrong, %d unknown", right, wrong, len(r.Unknown))
			if got := right + wrong + len(r.Unknown); got != n {
				t.Errorf("%d hand-offs accounted for, want %d", got, n)
			}
			if tt.name == "idle workers" && right == 0 && propagate.Ambient() {
				t.Error("not one hand-off was recovered")
			}
		})
	}
}

func handOffs(workers, senders, buffer, n int) {
	jobs := make(chan string, buffer)
	var pool, all sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for owner := range jobs {
				rtrace.WithRegion(context.Background(), owner, func() {})
			}
		})
	}
	for range senders {
		all.Go(func() {
			for range n / senders {
				id, end := span("sender")
				jobs <- id
				end()
			}
		})
	}
	all.Wait()
	close(jobs)
	pool.Wait()
}

// TestAmbient checks that what propagate carries to other goroutines is told apart.
func TestAmbient(t *testing.T) {
	if !propagate.Ambient() {
		t.Skip("goroutines carry nothing under propagate_noambient")
	}
	var id string
	r := read(t, record(t, func() {
		var bound func()
		work := make(chan struct{})
		old := make(chan func())
		go func() { (<-old)(); close(work) }()
		id, _ = span("request") // not ended
		bound = propagate.Bind(func() { time.Sleep(time.Millisecond) })
		old <- bound
		<-work
		child := make(chan struct{})
		go func() { time.Sleep(time.Millisecond); close(child) }()
		<-child
	}))
	s := r.Find(id)
	if s == nil {
		t.Fatal("the span is not in the report")
	}
	if s.Complete {
		t.Error("the span is complete, but it was never ended")
	}
	how := map[timeline.How]time.Duration{}
	for _, w := range s.Elsewhere {
		how[w.How] += w.Split.Waiting["sleep"]
	}
	for _, want := range []timeline.How{timeline.Entered, timeline.Inherited} {
		if how[want] < time.Millisecond {
			t.Errorf("work by how it came: %v, want a sleep of 1ms %s", how, want)
		}
	}
}

func TestRecorder(t *testing.T) {
	got := make(chan timeline.Snapshot, 1)
	rec, err := timeline.Record(timeline.RecorderOptions{
		Slow: time.Millisecond, Every: time.Hour,
		OnSlow: func(s timeline.Snapshot) { got <- s },
	})
	if err != nil {
		t.Skip("somebody traces this test: ", err)
	}
	defer rec.Close()
	if second, err := timeline.Record(timeline.RecorderOptions{OnSlow: func(timeline.Snapshot) {}}); err == nil {
		second.Close()
		t.Error("a second flight recorder was started, want an error")
	}
	var id string
	h := rec.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { id = request() }))
	serve := func() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}
	serve()
	checkSnapshot(t, <-got, id)
	serve() // these two are within Every
	serve()
	rec.Close()
	rec.Done(time.Now().Add(-time.Hour)) // after Close: nothing, and no panic
	if taken, skipped := rec.Stats(); taken != 1 || skipped != 3 {
		t.Errorf("%d taken, %d skipped, want 1 and 3", taken, skipped)
	}
}

func checkSnapshot(t *testing.T, s timeline.Snapshot, id string) {
	t.Helper()
	if s.Err != nil {
		t.Fatal(s.Err)
	}
	span := s.Report.Find(id)
	if span == nil || !span.Complete || span.Own.Waiting["sleep"] < time.Millisecond {
		t.Errorf("the slow span is %+v, want it complete, with its sleep", span)
	}
	var text strings.Builder
	if err := s.Report.WriteText(&text); err != nil || !strings.Contains(text.String(), "request") {
		t.Errorf("the table is %v\n%s", err, &text)
	}
	if s.Took < time.Millisecond || len(s.Slow()) == 0 {
		t.Errorf("took %v with %d slow spans", s.Took, len(s.Slow()))
	}
}

func TestRecorderRefuses(t *testing.T) {
	if _, err := timeline.Record(timeline.RecorderOptions{}); err == nil || !strings.Contains(err.Error(), "OnSlow") {
		t.Errorf("Record without OnSlow: %v, want an error that names it", err)
	}
}

// TestDamaged cuts a trace off at many places and spoils bytes of it: there is an
// error or a report, never a panic.
func TestDamaged(t *testing.T) {
	data := record(t, func() { request() })
	for cut := 0; cut < len(data); cut += 1 + len(data)/40 {
		r, err := timeline.Read(bytes.NewReader(data[:cut]))
		if r == nil {
			t.Fatalf("cut at %d: no report, %v", cut, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "read execution trace: ") {
			t.Errorf("cut at %d: error %q does not say what was being done", cut, err)
		}
	}
	if _, err := timeline.Read(strings.NewReader("not a trace")); err == nil {
		t.Error("text was read as a trace")
	}
	for at := 16; at < len(data); at += 1 + len(data)/80 {
		spoilt := bytes.Clone(data)
		spoilt[at] ^= 0x55
		r, _ := timeline.Read(bytes.NewReader(spoilt))
		for _, s := range r.Spans {
			if got, want := s.Own.Total(), s.End-s.Start; got != want {
				t.Errorf("byte %d spoilt: the parts sum to %v, the span is %v", at, got, want)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	var buf bytes.Buffer
	if rtrace.Start(&buf) == nil {
		request()
		rtrace.Stop()
		f.Add(buf.Bytes())
	}
	f.Add([]byte("go 1.25 trace\x00\x00\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _ := timeline.Read(bytes.NewReader(data))
		for _, s := range r.Spans {
			if got, want := s.Own.Total(), s.End-s.Start; got != want {
				t.Errorf("the parts sum to %v, the span is %v", got, want)
			}
		}
	})
}
