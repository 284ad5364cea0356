package profile_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	pprofile "github.com/google/pprof/profile"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/profile"
)

var bg = context.Background()

func start(t *testing.T, cfg profile.Config) *profile.Profiler {
	t.Helper()
	p, err := profile.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop(bg) })
	return p
}

// TestLastWindow: everything asked for arrives, although the first window was not over.
func TestLastWindow(t *testing.T) {
	s := serve(t)
	before := runtime.SetMutexProfileFraction(-1)
	p := start(t, profile.Config{
		Server: s.URL, Service: "shop", Tags: map[string]string{"region": "seoul", "az": "a"}, Tenant: "team",
		User: "me", Password: "pa55word", Window: time.Hour, MutexFraction: 1, BlockRate: 1,
	})
	burn(50 * time.Millisecond)
	runtime.GC() // the heap's profile is as of the last collection
	if err := p.Stop(bg); err != nil {
		t.Fatal(err)
	}
	kinds := s.kinds()
	for _, kind := range []string{"samples", "alloc_objects", "goroutine", "contentions"} {
		if kinds[kind] == 0 {
			t.Errorf("no profile of %s among %v", kind, kinds)
		}
	}
	if kinds["contentions"] != 2 {
		t.Errorf("%d profiles of contentions, want those of mutexes and of blocking", kinds["contentions"])
	}
	for _, g := range s.all() {
		user, password, _ := (&http.Request{Header: g.header}).BasicAuth()
		if user != "me" || password != "pa55word" || g.header.Get("X-Scope-OrgID") != "team" {
			t.Errorf("%s is sent as %s of %s", g.kind(), user, g.header.Get("X-Scope-OrgID"))
		}
		if !strings.HasPrefix(g.name, "shop{") || !strings.Contains(g.name, "region=seoul") {
			t.Errorf("%s is named %s", g.kind(), g.name)
		}
	}
	if got := runtime.SetMutexProfileFraction(-1); got != before {
		t.Errorf("the mutex fraction stays %d, it was %d", got, before)
	}
	if st := p.Stats(); st.Delivered != uint64(len(s.all())) || st.Pending+st.Refused+st.Expired+st.Full > 0 {
		t.Errorf("stats %+v, the server has %d", st, len(s.all()))
	}
}

// TestNoWindowIsLost: a server that fails, goes away in the middle of an answer, and limits the rate, gets
// every window in the end.
func TestNoWindowIsLost(t *testing.T) {
	s := serve(t)
	s.fail = func(try int, w http.ResponseWriter) bool {
		switch try {
		case 1, 2:
			w.WriteHeader(http.StatusInternalServerError)
		case 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 4:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			return false
		}
		return true
	}
	p := start(t, profile.Config{Server: s.URL, Service: "shop", Window: 50 * time.Millisecond, SkipHeap: true, SkipGoroutines: true})
	eventually(t, "four windows have been delivered", func() bool { return p.Stats().Delivered >= 4 })
	if err := p.Stop(bg); err != nil {
		t.Error(err)
	}
	froms := map[string]bool{}
	for _, g := range s.all() {
		froms[g.from] = true
	}
	if st := p.Stats(); uint64(len(froms)) != st.Delivered || st.Refused+st.Expired+st.Full+st.Pending > 0 {
		t.Errorf("%d windows at the server, stats %+v", len(froms), st)
	}
}

// TestLossIsCounted: what the server does not want, what is too much and what takes too long is named at
// the end, and no secret is.
func TestLossIsCounted(t *testing.T) {
	const secret = "pa55word"
	for _, tt := range []struct {
		name   string
		answer int
		change func(*profile.Config)
		says   string
	}{
		{"refused", http.StatusUnauthorized, func(*profile.Config) {}, "401"},
		{"expired", http.StatusInternalServerError, func(c *profile.Config) { c.RetryFor = time.Second }, "500"},
		{"full", http.StatusOK, func(c *profile.Config) { c.MaxPending = 1 }, "no room"},
		{"nobody there", 0, func(c *profile.Config) { c.RetryFor = time.Second }, "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t)
			s.fail = func(_ int, w http.ResponseWriter) bool { w.WriteHeader(tt.answer); return true }
			var logged bytes.Buffer
			cfg := profile.Config{
				Server: s.URL, Service: "shop", Window: time.Hour, SkipHeap: true, User: "u", Password: secret,
				Logger: slog.New(slog.NewTextHandler(&logged, nil)),
			}
			tt.change(&cfg)
			if tt.answer == 0 {
				s.Close()
			}
			p := start(t, cfg)
			err := p.Stop(bg)
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "of 2 profiles not delivered") {
				t.Errorf("error %v, want 2 of 2 and %q", err, tt.says)
			}
			if again := p.Stop(bg); again == nil || again.Error() != err.Error() {
				t.Errorf("second Stop: %v", again)
			}
			if logged.Len() == 0 {
				t.Error("nothing is logged")
			}
			if all := logged.String() + err.Error(); strings.Contains(all, secret) || strings.Contains(all, "dTpwYTU1d29yZA") {
				t.Errorf("the password is told: %s", all)
			}
			if st := p.Stats(); st.Refused+st.Expired+st.Full != 2 || st.Delivered+st.Pending > 0 {
				t.Errorf("stats %+v", st)
			}
		})
	}
}

// TestStopGivesUp when its context is done, however long the server takes.
func TestStopGivesUp(t *testing.T) {
	release := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer hung.Close()
	defer close(release)
	p := start(t, profile.Config{Server: hung.URL, Service: "shop", Window: time.Hour})
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if err := p.Stop(ctx); err == nil || !strings.Contains(err.Error(), "not delivered") {
		t.Errorf("error %v", err)
	}
}

// TestOthersProfile: a CPU profile that the program takes itself runs to its end and is whole.
func TestOthersProfile(t *testing.T) {
	s := serve(t)
	var own bytes.Buffer
	if err := pprof.StartCPUProfile(&own); err != nil {
		t.Fatal(err)
	}
	p := start(t, profile.Config{Server: s.URL, Service: "shop", Window: 10 * time.Millisecond, SkipHeap: true, SkipGoroutines: true})
	eventually(t, "five windows were left out", func() bool { burn(10 * time.Millisecond); return p.Stats().SkippedCPU >= 5 })
	burn(200 * time.Millisecond)
	pprof.StopCPUProfile()
	theirs, err := pprofile.Parse(&own)
	if err != nil {
		t.Fatalf("the program's own profile can't be read: %v", err)
	}
	if d := time.Duration(theirs.DurationNanos); d < 200*time.Millisecond {
		t.Errorf("the program's own profile covers %v: it was cut", d)
	}
	if n := len(s.all()); n > 0 {
		t.Errorf("%d profiles were sent meanwhile", n)
	}
	eventually(t, "profiles go on afterwards", func() bool { return len(s.all()) > 0 })
}

func TestPause(t *testing.T) {
	s := serve(t)
	p := start(t, profile.Config{Server: s.URL, Service: "shop", Window: 10 * time.Millisecond, SkipHeap: true, SkipGoroutines: true})
	resume := p.Pause()
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatalf("after Pause: %v", err)
	}
	eventually(t, "a window was left out", func() bool { return p.Stats().SkippedCPU > 0 })
	pprof.StopCPUProfile()
	resume()
	resume()
	n := len(s.all())
	eventually(t, "profiles go on after resume", func() bool { return len(s.all()) > n })
}

func TestBadConfig(t *testing.T) {
	for _, name := range []string{"PYROSCOPE_SERVER_ADDRESS", "OTEL_SERVICE_NAME", "PYROSCOPE_BASIC_AUTH_USER", "PYROSCOPE_BASIC_AUTH_PASSWORD"} {
		t.Setenv(name, "")
	}
	good := profile.Config{Server: "http://localhost:4040", Service: "shop"}
	for want, change := range map[string]func(*profile.Config){
		"PYROSCOPE_SERVER_ADDRESS": func(c *profile.Config) { c.Server = "" },
		"such as http://":          func(c *profile.Config) { c.Server = "localhost:4040" },
		"holds a user":             func(c *profile.Config) { c.Server = "http://me:pa55word@localhost" },
		"OTEL_SERVICE_NAME":        func(c *profile.Config) { c.Service = "" },
		"braces":                   func(c *profile.Config) { c.Service = "a{b}" },
		"go together":              func(c *profile.Config) { c.User = "me" },
		"Window is negative":       func(c *profile.Config) { c.Window = -1 },
		"nothing to send":          func(c *profile.Config) { c.SkipCPU, c.SkipHeap, c.SkipGoroutines = true, true, true },
	} {
		cfg := good
		change(&cfg)
		p, err := profile.Start(cfg)
		if err == nil {
			_ = p.Stop(bg)
			t.Errorf("no error, want one about %q", want)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pa55word") {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}

// tracer records, and gives every span its profile id.
func tracer(t *testing.T) (*sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(profile.Spans()), sdktrace.WithSpanProcessor(spans))
	t.Cleanup(func() { _ = tp.Shutdown(bg) })
	return tp, spans
}

func attr(kvs []attribute.KeyValue, key attribute.Key) string {
	for _, kv := range kvs {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}

// TestSamplesOfARequest: the CPU time of a request, in a goroutine that it starts too, bears the ids by
// which Grafana finds it, and the route.
func TestSamplesOfARequest(t *testing.T) {
	s := serve(t)
	p := start(t, profile.Config{Server: s.URL, Service: "shop", Window: time.Hour, SkipHeap: true, SkipGoroutines: true})
	tp, spans := tracer(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pay/{id}", func(http.ResponseWriter, *http.Request) {
		done := make(chan struct{})
		go func() { defer close(done); burn(300 * time.Millisecond) }()
		<-done
	})
	h := trace.Handler(profile.Routes(mux), trace.WithTracerProvider(tp))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/pay/7", nil))
	missed := httptest.NewRecorder()
	h.ServeHTTP(missed, httptest.NewRequest(http.MethodGet, "/none", nil))
	if missed.Code != http.StatusNotFound {
		t.Errorf("a request without a route is answered %d", missed.Code)
	}
	if err := p.Stop(bg); err != nil {
		t.Fatal(err)
	}
	span := spans.Ended()[0]
	if got := attr(span.Attributes(), "http.route"); got != "/pay/{id}" {
		t.Errorf("http.route of the span is %q", got)
	}
	id := span.SpanContext().SpanID().String()
	if got := attr(span.Attributes(), profile.IDKey); got != id {
		t.Errorf("%s is %q, want %s", profile.IDKey, got, id)
	}
	found := labels(s.all(), "burn")
	want := map[string]string{"span_id": id, "trace_id": span.SpanContext().TraceID().String(), "http_route": "/pay/{id}"}
	for key, value := range want {
		if n := found[key+"="+value]; n == 0 {
			t.Errorf("no sample has %s=%s, they have %v", key, value, found)
		}
	}
}

// labels counts the samples in a function by label, each label as key=value.
func labels(uploads []got, function string) map[string]int {
	found := map[string]int{}
	for _, g := range uploads {
		for _, sample := range g.profile.Sample {
			in := false
			for _, l := range sample.Location {
				for _, line := range l.Line {
					in = in || strings.HasSuffix(line.Function.Name, "."+function)
				}
			}
			if !in {
				continue
			}
			for k, vs := range sample.Label {
				for _, v := range vs {
					found[k+"="+v]++
				}
			}
		}
	}
	return found
}

// TestAcrossContinuations: an operation that is resumed on a goroutine of another request labels its own
// step there, and leaves the other request's labels behind it. (tools/rivals shows what
// otel-profiling-go makes of it.)
func TestAcrossContinuations(t *testing.T) {
	s := serve(t)
	p := start(t, profile.Config{Server: s.URL, Service: "shop", Window: time.Hour, SkipHeap: true, SkipGoroutines: true})
	tp, _ := tracer(t)
	otel.SetTracerProvider(tp)
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })

	ctx, first := trace.Start(bg, "first")
	operation := propagate.Suspend(ctx, "operation")
	var second oteltrace.Span
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, second = trace.Start(bg, "second", oteltrace.WithNewRoot())
		defer second.End()
		ofSecond(200 * time.Millisecond)
		step := operation.Resume("step")
		ofFirst(300 * time.Millisecond)
		step.End()
		ofSecond(200 * time.Millisecond)
	}()
	<-done
	operation.Done(nil)
	first.End()
	if err := p.Stop(bg); err != nil {
		t.Fatal(err)
	}
	for function, want := range map[string]oteltrace.Span{"ofFirst": first, "ofSecond": second} {
		found := labels(s.all(), function)
		for label := range found {
			if id, ok := strings.CutPrefix(label, "trace_id="); ok && id != want.SpanContext().TraceID().String() {
				t.Errorf("samples of %s are labelled with another trace: %v", function, found)
			}
		}
		if found["trace_id="+want.SpanContext().TraceID().String()] == 0 {
			t.Errorf("no sample of %s has its trace, they have %v", function, found)
		}
	}
}

//go:noinline
func ofFirst(d time.Duration) { burn(d) }

//go:noinline
func ofSecond(d time.Duration) { burn(d) }
