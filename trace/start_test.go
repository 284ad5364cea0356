package trace_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

var bg = context.Background()

// elsewhere runs f on a goroutine of its own and waits for it.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	<-done
}

func needAmbient(t testing.TB) {
	t.Helper()
	if !propagate.Ambient() {
		t.Skip("built without the ambient context")
	}
}

func TestParentIsTheSpanInTheContext(t *testing.T) {
	r := global(t)
	ctx, a := trace.Start(bg, "a")
	_, other := trace.Start(bg, "other") // ambient now, but ctx says a
	_, b := trace.Start(ctx, "b")
	b.End()
	other.End()
	a.End()
	wantParent(t, r.span(t, "b"), a.SpanContext())
	wantRoot(t, r.span(t, "a"))
}

func TestParentIsAmbientWithoutContext(t *testing.T) {
	needAmbient(t)
	r := global(t)
	_, a := trace.Start(bg, "a")
	elsewhere(func() {
		_, b := trace.Start(bg, "b")
		elsewhere(func() {
			_, c := trace.Start(context.TODO(), "c")
			c.End()
		})
		b.End()
	})
	a.End()
	_, after := trace.Start(bg, "after")
	after.End()
	wantParent(t, r.span(t, "b"), a.SpanContext())
	wantParent(t, r.span(t, "c"), r.span(t, "b").SpanContext())
	wantRoot(t, r.span(t, "after"))
}

func TestEndedAmbientIsLinkedNotNested(t *testing.T) {
	needAmbient(t)
	r := global(t)
	ended := make(chan struct{})
	var done sync.WaitGroup
	_, a := trace.Start(bg, "a")
	done.Go(func() {
		<-ended
		_, late := trace.Start(bg, "late")
		_, nested := trace.Start(bg, "nested")
		nested.End()
		late.End()
	})
	a.End()
	close(ended)
	done.Wait()
	wantRoot(t, r.span(t, "late"), a.SpanContext())
	wantParent(t, r.span(t, "nested"), r.span(t, "late").SpanContext())
}

func TestEndedAmbientFallsBackToItsLiveOuter(t *testing.T) {
	needAmbient(t)
	r := global(t)
	ended := make(chan struct{})
	var done sync.WaitGroup
	_, a := trace.Start(bg, "a")
	_, b := trace.Start(bg, "b")
	done.Go(func() {
		<-ended
		_, late := trace.Start(bg, "late")
		late.End()
	})
	b.End()
	close(ended)
	done.Wait()
	a.End()
	wantParent(t, r.span(t, "late"), a.SpanContext())
}

// Ten thousand goroutines outlive the span they were started under, the disease that makes one
// request's trace collect a service's whole life.
func TestNoSpanIsNestedUnderAnEndedOne(t *testing.T) {
	needAmbient(t)
	const goroutines = 10_000
	r := global(t)
	ended := make(chan struct{})
	var done sync.WaitGroup
	_, a := trace.Start(bg, "a")
	for range goroutines {
		done.Go(func() {
			<-ended
			_, late := trace.Start(bg, "late")
			late.End()
		})
	}
	a.End()
	close(ended)
	done.Wait()
	nested, linked := 0, 0
	for _, s := range r.spans.Ended() {
		if s.Parent().SpanID() == a.SpanContext().SpanID() || s.Name() == "late" && s.SpanContext().TraceID() == a.SpanContext().TraceID() {
			nested++
		}
		for _, l := range s.Links() {
			if l.SpanContext.SpanID() == a.SpanContext().SpanID() {
				linked++
			}
		}
	}
	if nested != 0 || linked != goroutines {
		t.Errorf("of %d late spans %d are nested under the ended one and %d linked to it, want 0 and all", goroutines, nested, linked)
	}
}

func TestDetachedIsLinkedNotNested(t *testing.T) {
	r := global(t)
	ctx, a := trace.Start(bg, "a")
	ctx = propagate.Detach(ctx)
	ctx, b := trace.Start(ctx, "b")
	_, c := trace.Start(ctx, "c")
	c.End()
	b.End()
	a.End()
	wantRoot(t, r.span(t, "b"), a.SpanContext())
	wantParent(t, r.span(t, "c"), b.SpanContext())
}

func TestNewRootIsTheCallersWord(t *testing.T) {
	r := global(t)
	ctx, a := trace.Start(bg, "a")
	_, b := trace.Start(ctx, "b", oteltrace.WithNewRoot())
	b.End()
	a.End()
	wantRoot(t, r.span(t, "b"))
}

func TestOptionsReachTheSpan(t *testing.T) {
	r := global(t)
	_, s := trace.Start(bg, "a\xff", oteltrace.WithSpanKind(oteltrace.SpanKindConsumer), oteltrace.WithAttributes(attribute.Int("n", 1)))
	s.SetAttributes(attribute.Int("m", 2))
	s.End()
	got := r.span(t, "a\uFFFD")
	if got.SpanKind() != oteltrace.SpanKindConsumer {
		t.Errorf("kind %v", got.SpanKind())
	}
	if m := attrs(got.Attributes()); m["n"] != int64(1) || m["m"] != int64(2) {
		t.Errorf("attributes %v", m)
	}
	if got.InstrumentationScope().Name != "github.com/clewhq/clew/trace" {
		t.Errorf("scope %v", got.InstrumentationScope())
	}
}

func TestContextCarriesTheSpanItself(t *testing.T) {
	r := global(t)
	ctx, s := trace.Start(bg, "a")
	oteltrace.SpanFromContext(ctx).End()
	s.End()
	r.span(t, "a") // once
	if sc := oteltrace.SpanContextFromContext(ctx); sc.SpanID() != s.SpanContext().SpanID() {
		t.Errorf("after End the context has %v", sc)
	}
	if oteltrace.SpanFromContext(ctx).IsRecording() {
		t.Error("after End the context's span records")
	}
}

// labels returns the running goroutine's profiler labels.
func labels(t testing.TB) map[string]string {
	t.Helper()
	m := map[string]string{}
	// A goroutine profile names labels in its text form; of all goroutines only this one runs here.
	var b strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	for block := range strings.SplitSeq(b.String(), "\n\n") {
		if !strings.Contains(block, "trace_test.labels") {
			continue
		}
		_, rest, ok := strings.Cut(block, "# labels: {")
		if !ok {
			return m
		}
		list, _, _ := strings.Cut(rest, "}")
		for kv := range strings.SplitSeq(list, ", ") {
			k, v, _ := strings.Cut(kv, ":")
			m[strings.Trim(k, `"`)] = strings.Trim(v, `"`)
		}
	}
	return m
}

func TestSampledSpanLabelsTheGoroutine(t *testing.T) {
	global(t)
	pprof.Do(bg, pprof.Labels("tenant", "acme"), func(ctx context.Context) {
		ctx, s := trace.Start(ctx, "a")
		want := map[string]string{
			"tenant": "acme", "trace_id": s.SpanContext().TraceID().String(), "span_id": s.SpanContext().SpanID().String(),
		}
		if got := labels(t); !equal(got, want) {
			t.Errorf("labels %v, want %v", got, want)
		}
		_, inner := trace.Start(ctx, "b")
		if got := labels(t)["span_id"]; got != inner.SpanContext().SpanID().String() {
			t.Errorf("span_id %s in b", got)
		}
		inner.End()
		if got := labels(t); !equal(got, want) {
			t.Errorf("labels %v after b, want %v", got, want)
		}
		s.End()
		if got := labels(t); !equal(got, map[string]string{"tenant": "acme"}) {
			t.Errorf("labels %v after a", got)
		}
	})
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if a[k] != b[k] {
			return false
		}
	}
	return true
}

func TestUnsampledSpanIsCarriedUnlabelled(t *testing.T) {
	needAmbient(t)
	r := global(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	_, a := trace.Start(bg, "a")
	if got := labels(t); got["trace_id"] != "" || got["span_id"] != "" {
		t.Errorf("labels %v", got)
	}
	elsewhere(func() {
		_, b := trace.Start(bg, "b")
		if b.SpanContext().TraceID() != a.SpanContext().TraceID() {
			t.Error("the unsampled trace was not carried")
		}
		b.End()
	})
	a.End()
	if got := len(r.spans.Ended()); got != 0 {
		t.Errorf("%d spans recorded", got)
	}
}

func TestEndOnAnotherGoroutine(t *testing.T) {
	needAmbient(t)
	r := global(t)
	_, a := trace.Start(bg, "a")
	elsewhere(func() {
		_, own := trace.Start(bg, "own")
		a.End()
		if got := labels(t)["span_id"]; got != own.SpanContext().SpanID().String() {
			t.Errorf("span_id %s, want that of the span started here", got)
		}
		own.End()
	})
	if got := propagate.Current(); !got.IsZero() {
		t.Errorf("the goroutine that started a still has %v", got.SpanContext())
	}
	a.End()
	r.span(t, "a")
	wantParent(t, r.span(t, "own"), a.SpanContext())
	propagate.Ref{}.Enter() // for the tests to come: a's End could not clean this goroutine
}

func TestConcurrentEnds(t *testing.T) {
	r := global(t)
	for range 100 {
		_, s := trace.Start(bg, "a")
		var done sync.WaitGroup
		for range 4 {
			done.Go(func() { s.End() })
		}
		s.End()
		done.Wait()
	}
	if got := len(r.spans.Ended()); got != 100 {
		t.Errorf("%d spans ended, want 100", got)
	}
	propagate.Ref{}.Enter()
}

func TestPanicIsRecordedAndGoesOn(t *testing.T) {
	r := global(t)
	boom := errors.New("boom")
	func() {
		defer func() {
			if p := recover(); p != boom { //nolint:errorlint // the very value
				t.Errorf("recovered %v, want %v", p, boom)
			}
		}()
		_, s := trace.Start(bg, "a")
		defer s.End(oteltrace.WithStackTrace(true))
		panic(boom)
	}()
	propagate.Ref{}.Enter()
	s := r.span(t, "a")
	if s.Status().Code != codes.Error || s.Status().Description != "panic: boom" {
		t.Errorf("status %v", s.Status())
	}
	if len(s.Events()) != 1 {
		t.Fatalf("events %v, want one", s.Events())
	}
	ev := attrs(s.Events()[0].Attributes)
	if s.Events()[0].Name != "exception" || ev["exception.type"] != "*errors.errorString" || ev["exception.message"] != "boom" {
		t.Errorf("event %v %v", s.Events()[0].Name, ev)
	}
	if stack, _ := ev["exception.stacktrace"].(string); !strings.Contains(stack, "TestPanicIsRecordedAndGoesOn") {
		t.Errorf("stack %q does not lead to the panic", stack)
	}
}

// A crash report comes after all deferred calls: the labels must outlast `defer s.End()`. Whoever
// recovers further out gets rid of them with the end of the span around.
func TestLabelsOutlastAPanic(t *testing.T) {
	needAmbient(t)
	global(t)
	_, outer := trace.Start(bg, "outer")
	var inner oteltrace.Span
	func() {
		defer func() {
			_ = recover()
			if got := labels(t)["span_id"]; got != inner.SpanContext().SpanID().String() {
				t.Errorf("after the panic span_id is %q, want that of the span it went through", got)
			}
		}()
		_, inner = trace.Start(bg, "inner")
		defer inner.End()
		panic("boom")
	}()
	if got := propagate.Current().SpanContext().SpanID(); got != outer.SpanContext().SpanID() {
		t.Errorf("the context is %s, want the span around", got)
	}
	outer.End()
	if got := labels(t); len(got) != 0 {
		t.Errorf("labels %v are left", got)
	}
}

func TestStartWithoutProvider(t *testing.T) {
	ctx, s := trace.Start(nil, "a") //nolint:staticcheck // a nil context is a mistake we live with
	if ctx == nil || s.IsRecording() || s.SpanContext().IsValid() {
		t.Errorf("got %v, %v", ctx, s.SpanContext())
	}
	if !propagate.Current().IsZero() {
		t.Error("a span that is none is carried")
	}
	s.End()
}

// lostHere counts the spans that started without a context in this file.
func lostHere() (n uint64) {
	for site := range propagate.Lost() {
		if site.Kind == propagate.NoContext && strings.HasSuffix(site.Site.File, "trace/start_test.go") {
			n += site.Count
		}
	}
	return n
}

func TestOrphansAreCounted(t *testing.T) {
	global(t)
	_, earlier := trace.Start(bg, "there is a context somewhere")
	earlier.End()
	for _, c := range []struct {
		name string
		lost uint64
		opts []oteltrace.SpanStartOption
	}{
		{"internal", 1, nil},
		{"client", 1, []oteltrace.SpanStartOption{oteltrace.WithSpanKind(oteltrace.SpanKindClient)}},
		{"server", 0, []oteltrace.SpanStartOption{oteltrace.WithSpanKind(oteltrace.SpanKindServer)}},
		{"consumer", 0, []oteltrace.SpanStartOption{oteltrace.WithSpanKind(oteltrace.SpanKindConsumer)}},
		{"a root that is asked for", 0, []oteltrace.SpanStartOption{oteltrace.WithNewRoot()}},
	} {
		before := lostHere()
		_, span := trace.Start(bg, c.name, c.opts...)
		if got := lostHere() - before; got != c.lost {
			t.Errorf("%s: counted %d times as lost, want %d", c.name, got, c.lost)
		}
		span.End()
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	before := lostHere()
	resp, err := (&http.Client{Transport: trace.Transport(nil)}).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if got := lostHere() - before; got != 1 {
		t.Errorf("a request without a context: counted %d times here, want 1", got)
	}
}
