package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/clewhq/clew/trace/provider/internal/conform"
	"github.com/clewhq/clew/trace/tail"
)

var bg = context.Background()

// delivered runs program on a provider with the given options and returns its spans by name.
func delivered(t *testing.T, program func(*Provider), opts ...Option) map[string]*tracepb.Span {
	t.Helper()
	spans := map[string]*tracepb.Span{}
	run := conform.Deliver(t, func(t testing.TB, o conform.Options) conform.Provider {
		p, err := New(append(opts, env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+o.Endpoint))...)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, conform.Options{}, func(p oteltrace.TracerProvider) { program(p.(*Provider)) })
	for _, rs := range run.Spans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				spans[s.Name] = s
			}
		}
	}
	return spans
}

func env(pairs ...string) Option {
	return WithEnv(func(name string) string {
		if i := slices.Index(pairs, name); i >= 0 && i%2 == 0 {
			return pairs[i+1]
		}
		return ""
	})
}

// hushed keeps what goes to OpenTelemetry's error handler out of the log.
func hushed(t *testing.T) (said func() string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, err.Error())
	}))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(all, "\n")
	}
}

// TestKeyIsLearnt: without it every span costs one allocation more.
func TestKeyIsLearnt(t *testing.T) {
	if spanKey == nil {
		t.Error("OpenTelemetry's key for spans in contexts could not be learnt")
	}
	old := spanKey
	defer func() { spanKey = old }()
	spanKey = nil
	for _, p := range programs("parents", "remote parents", "contexts") {
		conform.Check(t, ours, conform.Options{Limits: defaultLimits}, p.Run)
	}
}

// TestKnownSamplers: an SDK that builds its samplers otherwise makes us slower, and should not go
// unnoticed.
func TestKnownSamplers(t *testing.T) {
	for want, s := range map[sampler]sdktrace.Sampler{
		{bound: all}:                        sdktrace.AlwaysSample(),
		{bound: 0}:                          sdktrace.NeverSample(),
		{bound: all / 4}:                    sdktrace.TraceIDRatioBased(0.25),
		{parentBased: true, bound: all}:     sdktrace.ParentBased(sdktrace.TraceIDRatioBased(1)),
		{parentBased: true, bound: 0}:       sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0)),
		{parentBased: true, bound: all / 2}: sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.5)),
		{other: picky{}}:                    picky{},
	} {
		if got := newSampler(s); got != want {
			t.Errorf("%s is known as %+v, want %+v", s.Description(), got, want)
		}
	}
	for _, s := range []sdktrace.Sampler{
		sdktrace.ParentBased(picky{}), sdktrace.ParentBased(sdktrace.AlwaysSample(), sdktrace.WithLocalParentSampled(sdktrace.NeverSample())),
	} {
		if newSampler(s).other == nil {
			t.Errorf("%s is taken for another", s.Description())
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	const bad = "a\xff\xfeb"
	s := delivered(t, func(p *Provider) {
		_, s := p.Tracer(bad, oteltrace.WithInstrumentationVersion(bad)).Start(bg, bad)
		s.SetAttributes(attribute.String(bad, bad), attribute.StringSlice("list", []string{bad}), attribute.Map("map", attribute.String(bad, bad)))
		s.SetAttributes(attribute.String(bad, "again"))
		s.AddEvent(bad)
		s.SetStatus(codes.Error, bad)
		s.End()
	})["a\uFFFDb"]
	if s == nil || len(s.Attributes) != 3 || s.Attributes[0].Value.GetStringValue() != "again" || s.Status.Message != "a\uFFFDb" || s.Events[0].Name != "a\uFFFDb" {
		t.Errorf("got %v", s)
	}
}

// TestLinkState: the SDK's exporter loses it.
func TestLinkState(t *testing.T) {
	state, err := oteltrace.ParseTraceState("a=1,b=2")
	if err != nil {
		t.Fatal(err)
	}
	sc := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, TraceState: state})
	s := delivered(t, func(p *Provider) {
		_, s := p.Tracer("t").Start(bg, "s", oteltrace.WithLinks(oteltrace.Link{SpanContext: sc}))
		s.End()
	})["s"]
	if s == nil || s.Links[0].TraceState != "a=1,b=2" {
		t.Errorf("got %v", s)
	}
}

func TestStacks(t *testing.T) {
	s := delivered(t, func(p *Provider) {
		defer func() { _ = recover() }()
		_, s := p.Tracer("t").Start(bg, "s")
		defer s.End(oteltrace.WithStackTrace(true))
		s.RecordError(errors.New("first"), oteltrace.WithStackTrace(true))
		panic("second")
	})["s"]
	if s == nil || len(s.Events) != 2 {
		t.Fatalf("got %v", s)
	}
	for _, e := range s.Events {
		last := e.Attributes[len(e.Attributes)-1]
		if last.Key != "exception.stacktrace" || !strings.Contains(last.Value.GetStringValue(), "TestStacks") {
			t.Errorf("got %v", e)
		}
	}
}

type panickingError struct{}

func (panickingError) Error() string { panic("no words") }

// TestErrorThatPanics: recording an error must not bring the program down.
func TestErrorThatPanics(t *testing.T) {
	s := delivered(t, func(p *Provider) {
		_, s := p.Tracer("t").Start(bg, "s")
		s.RecordError(panickingError{})
		s.End()
	})["s"]
	if s == nil || len(s.Events) != 1 || !strings.Contains(s.Events[0].Attributes[1].Value.GetStringValue(), "no words") {
		t.Errorf("got %v", s)
	}
}

// TestDirect: the fast path delivers what the slow one does.
func TestDirect(t *testing.T) {
	common := []attribute.KeyValue{attribute.String("http.request.method", "GET"), attribute.Int("server.port", 8443), attribute.Bool("yes", true)}
	parent := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}, TraceFlags: 1, Remote: true})
	fast := func(p *Provider, kvs []attribute.KeyValue) {
		ctx, s := p.Direct("t").Begin(bg, parent, "server", oteltrace.SpanKindServer, time.Unix(5, 0))
		s.Set(NewAttributes(kvs...))
		s.SetString("url.path", "/a")
		s.SetInt("http.response.status_code", 200)
		s.SetString("", "no key")
		s.SetInt("", 1)
		s.SetInt("url.path", 7)
		_, c := p.Direct("t").Begin(ctx, s.SpanContext(), "child", oteltrace.SpanKindClient, time.Unix(6, 0))
		c.End(oteltrace.WithTimestamp(time.Unix(7, 0)))
		s.End(oteltrace.WithTimestamp(time.Unix(8, 0)))
	}
	slow := func(p *Provider, kvs []attribute.KeyValue) {
		ctx, s := p.Tracer("t").Start(oteltrace.ContextWithRemoteSpanContext(bg, parent), "server", oteltrace.WithSpanKind(oteltrace.SpanKindServer), oteltrace.WithTimestamp(time.Unix(5, 0)))
		s.SetAttributes(kvs...)
		s.SetAttributes(attribute.String("url.path", "/a"), attribute.Int("http.response.status_code", 200), attribute.String("", ""), attribute.Int("", 1), attribute.Int("url.path", 7))
		_, c := p.Tracer("t").Start(ctx, "child", oteltrace.WithSpanKind(oteltrace.SpanKindClient), oteltrace.WithTimestamp(time.Unix(6, 0)))
		c.End(oteltrace.WithTimestamp(time.Unix(7, 0)))
		s.End(oteltrace.WithTimestamp(time.Unix(8, 0)))
	}
	var many []attribute.KeyValue
	for i := range 70 {
		many = append(many, attribute.Int(fmt.Sprint("k", i), i))
	}
	limits := defaultLimits
	limits.AttributeCountLimit, limits.AttributeValueLengthLimit = 4, 2
	for name, kvs := range map[string][]attribute.KeyValue{
		"plain": common, "twice": append(common, common[0]), "clash": append(common, attribute.String("url.path", "/b")),
		"no key": append(common, attribute.Int("", 1)), "many": many, "list": append(common, attribute.StringSlice("l", []string{"long"})), "none": nil,
	} {
		for _, l := range []sdktrace.SpanLimits{defaultLimits, limits} {
			run := func(f func(*Provider, []attribute.KeyValue)) conform.Run {
				return conform.Deliver(t, ours, conform.Options{Limits: l}, func(p oteltrace.TracerProvider) { f(p.(*Provider), kvs) })
			}
			if diff := conform.Compare(run(slow), run(fast)); diff != "" {
				t.Errorf("%s: Begin differs from Start (-Start +Begin):\n%s", name, diff)
			}
		}
	}
}

// TestNilSpan: Begin returns one for a span that is not recorded, and the context passes its identity on.
func TestNilSpan(t *testing.T) {
	spans := delivered(t, func(p *Provider) {
		parent := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}})
		ctx, s := p.Direct("t").Begin(nil, parent, "s", 0, time.Time{}) //nolint:staticcheck // it copes
		if s != nil {
			t.Fatal("a span that is not sampled is recorded")
		}
		s.SetName("x")
		s.SetAttributes(attribute.Int("a", 1))
		s.Set(NewAttributes(attribute.Int("a", 1)))
		s.SetString("a", "b")
		s.SetInt("a", 1)
		s.AddEvent("e")
		s.AddLink(oteltrace.Link{SpanContext: parent})
		s.RecordError(errors.New("e"))
		s.SetStatus(codes.Error, "")
		if s.IsRecording() || s.SpanContext().IsValid() || s.TracerProvider() != nil {
			t.Error("a nil span records")
		}
		s.End()
		inner := oteltrace.SpanContextFromContext(ctx)
		if inner.TraceID() != parent.TraceID() || !inner.SpanID().IsValid() || inner.SpanID() == parent.SpanID() || inner.IsSampled() {
			t.Errorf("the context carries %v", inner)
		}
		if got := fmt.Sprint(ctx); got != "context.Background.WithSpan" {
			t.Errorf("the context calls itself %q", got)
		}
	})
	if len(spans) != 0 {
		t.Errorf("got %v", spans)
	}
}

// TestOneSpanManyGoroutines: whatever was done before End is there, nothing twice, and nothing breaks.
func TestOneSpanManyGoroutines(t *testing.T) {
	const rounds, workers = 50, 8
	spans := delivered(t, func(p *Provider) {
		for i := range rounds {
			ctx, s := p.Tracer("t").Start(bg, fmt.Sprint("span ", i))
			var all sync.WaitGroup
			for g := range workers {
				all.Go(func() {
					s.SetAttributes(attribute.Int(fmt.Sprint("g", g), g), attribute.Int("same", g))
					s.AddEvent("e", oteltrace.WithAttributes(attribute.Int("g", g)))
					_, c := p.Tracer("t").Start(ctx, fmt.Sprintf("child %d %d", i, g))
					c.End()
					s.SetStatus(codes.Ok, "")
					if g == 0 {
						s.End()
					}
				})
			}
			all.Wait()
		}
	}, WithBlocking())
	if len(spans) != rounds*(workers+1) {
		t.Errorf("%d spans, want %d", len(spans), rounds*(workers+1))
	}
	for name, s := range spans {
		if strings.HasPrefix(name, "child") {
			continue
		}
		keys := map[string]bool{}
		for _, kv := range s.Attributes {
			if keys[kv.Key] {
				t.Errorf("%s has %s twice", name, kv.Key)
			}
			keys[kv.Key] = true
		}
		if !keys["g0"] || len(s.Events) == 0 {
			t.Errorf("%s lacks what was set before its end: %v", name, s)
		}
	}
}

func TestAtStart(t *testing.T) {
	type key struct{}
	mark := func(name string) Option {
		return WithAtStart(func(ctx context.Context, s oteltrace.Span) {
			s.SetAttributes(attribute.String(name, ctx.Value(key{}).(string)))
		})
	}
	s := delivered(t, func(p *Provider) {
		_, s := p.Tracer("t").Start(context.WithValue(bg, key{}, "value"), "s")
		s.End()
	}, mark("one"), mark("two"))["s"]
	if s == nil || len(s.Attributes) != 2 || s.Attributes[1].Value.GetStringValue() != "value" {
		t.Errorf("got %v", s)
	}
}

func TestTail(t *testing.T) {
	var stats tail.Stats
	spans := delivered(t, func(p *Provider) {
		for _, name := range []string{"fine", "failed", "slow"} {
			ctx, root := p.Tracer("t").Start(bg, name, oteltrace.WithTimestamp(time.Unix(10, 0)), oteltrace.WithAttributes(attribute.String("http.route", name)))
			_, child := p.Tracer("t").Start(ctx, name+" child")
			child.End()
			end := time.Unix(10, 0)
			switch name {
			case "failed":
				root.SetStatus(codes.Error, "")
			case "slow":
				end = time.Unix(12, 0)
			}
			root.End(oteltrace.WithTimestamp(end))
			_, late := p.Tracer("t").Start(ctx, name+" late")
			late.End()
		}
		p.Tracer("t").Start(bg, "never ends")
		stats = p.TailStats()
	}, WithTail(tail.Config{Slow: time.Second, PerRoute: 1e-9}), WithSampler(sdktrace.NeverSample()))
	var got []string
	for name, s := range spans {
		if s.Flags&1 == 0 {
			t.Errorf("%s goes out unsampled", name)
		}
		for _, kv := range s.Attributes {
			if kv.Key == string(tail.ReasonKey) {
				name += " for " + kv.Value.GetStringValue()
			}
		}
		got = append(got, name)
	}
	slices.Sort(got)
	want := []string{"failed child", "failed for error", "failed late", "slow child", "slow for slow", "slow late"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(tail.Stats{Kept: 2, KeptSpans: 6}, stats); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// counting makes ids that one can foretell, and notes what it was asked under.
type counting struct {
	n     byte
	under []oteltrace.TraceID
}

func (c *counting) NewIDs(ctx context.Context) (oteltrace.TraceID, oteltrace.SpanID) {
	return oteltrace.TraceID{9}, c.NewSpanID(ctx, oteltrace.TraceID{9})
}

func (c *counting) NewSpanID(_ context.Context, trace oteltrace.TraceID) oteltrace.SpanID {
	c.n++
	c.under = append(c.under, trace)
	return oteltrace.SpanID{c.n}
}

func TestIDGenerator(t *testing.T) {
	var ids counting
	spans := delivered(t, func(p *Provider) {
		ctx, root := p.Tracer("t").Start(bg, "root")
		_, child := p.Tracer("t").Start(ctx, "child")
		child.End()
		root.End()
	}, WithIDGenerator(&ids))
	root, child := spans["root"], spans["child"]
	if root == nil || child == nil || root.TraceId[0] != 9 || root.SpanId[0] != 1 || child.SpanId[0] != 2 || child.ParentSpanId[0] != 1 {
		t.Errorf("got %v", spans)
	}
	if want := []oteltrace.TraceID{{9}, {9}}; !slices.Equal(ids.under, want) {
		t.Errorf("asked under %v", ids.under)
	}
}

// TestVariables: limits and batches are the SDK's.
func TestVariables(t *testing.T) {
	p, err := New(env("OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "9", "OTEL_SPAN_EVENT_COUNT_LIMIT", "-1",
		"OTEL_SPAN_LINK_COUNT_LIMIT", "0", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "3", "OTEL_TRACES_SAMPLER", "always_off"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Shutdown(bg) }()
	want := sdktrace.SpanLimits{AttributeCountLimit: 7, AttributeValueLengthLimit: 9, EventCountLimit: -1, LinkCountLimit: 0, AttributePerEventCountLimit: 3, AttributePerLinkCountLimit: 128}
	if p.limits != want || p.sampler != (sampler{}) {
		t.Errorf("got %+v, %+v", p.limits, p.sampler)
	}
}

func TestBadConfiguration(t *testing.T) {
	_, err := New(env("OTEL_BSP_SCHEDULE_DELAY", "x", "OTEL_TRACES_SAMPLER", "y", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "s3cr3t"),
		WithGzipLevel(0), WithMaxBytes(5), WithSampler(nil), WithIDGenerator(nil), WithHTTPClient(nil), WithAtStart(nil), WithEnv(nil), WithTail(tail.Config{Slow: -1}))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"OTEL_BSP_SCHEDULE_DELAY", "OTEL_TRACES_SAMPLER", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "WithGzipLevel", "WithMaxBytes", "WithSampler",
		"WithIDGenerator", "WithHTTPClient", "WithAtStart", "WithEnv", "Slow",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("%q tells the secret", err)
	}
}

func TestAfterShutdown(t *testing.T) {
	hushed(t)
	p, err := New(env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	tr := p.Tracer("t")
	if err := p.Shutdown(bg); err != nil {
		t.Error(err)
	}
	_, s := tr.Start(bg, "late")
	s.End()
	if got := p.Stats(); got.Late != 1 || got.Ended != 0 {
		t.Errorf("got %+v", got)
	}
	if _, s := p.Tracer("t").Start(bg, "later"); s.IsRecording() {
		t.Error("a tracer of a provider that is shut down records")
	}
	if err := errors.Join(p.ForceFlush(bg), p.Shutdown(bg)); err != nil {
		t.Error(err)
	}
}

// TestStalledReceiver: memory stays within its bound, every drop is counted and told, and when the
// receiver wakes up all goes on.
func TestStalledReceiver(t *testing.T) {
	const bound = 256 << 10
	said := hushed(t)
	hold := make(chan struct{})
	var stalled atomic.Bool
	stalled.Store(true)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if stalled.Load() {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}
	}))
	defer srv.Close()
	p, err := New(env("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL, "OTEL_BSP_SCHEDULE_DELAY", "10"), WithMaxBytes(bound))
	if err != nil {
		t.Fatal(err)
	}
	tr := p.Tracer("t")
	const spans = 20_000
	for range spans {
		_, s := tr.Start(bg, "a span with a name", oteltrace.WithAttributes(attribute.String("k", "a value that takes some room")))
		s.End()
		if used := p.Stats().Bytes; used > bound {
			t.Fatalf("%d bytes in use", used)
		}
	}
	s := p.Stats()
	if s.Dropped == 0 || s.Ended != spans || s.Delivered > 0 {
		t.Errorf("got %+v", s)
	}
	stalled.Store(false)
	close(hold)
	if err := p.ForceFlush(bg); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Delivered+s.Dropped != spans {
		t.Errorf("got %+v", s)
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(said(), "spans dropped for want of room"); {
		if time.Now().After(deadline) {
			t.Fatalf("the error handler was told only %q", said())
		}
		time.Sleep(time.Millisecond)
	}
	_, sp := tr.Start(bg, "after")
	sp.End()
	before := p.Stats()
	if err := p.ForceFlush(bg); err != nil || p.Stats().Delivered != before.Delivered+1 {
		t.Errorf("%v, %+v", err, p.Stats())
	}
	err = p.Shutdown(bg)
	if want := fmt.Sprintf("%d of %d spans not delivered: %d dropped", s.Dropped, spans+1, s.Dropped); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestFlushKeepsItsDeadline, and goes on behind.
func TestFlushKeepsItsDeadline(t *testing.T) {
	hushed(t)
	hold := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	defer srv.Close()
	p, err := New(env("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	_, s := p.Tracer("t").Start(bg, "s")
	s.End()
	ctx, cancel := context.WithTimeout(bg, 20*time.Millisecond)
	defer cancel()
	for range 2 {
		if err := p.ForceFlush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	close(hold)
	if err := errors.Join(p.ForceFlush(bg), p.Shutdown(bg)); err != nil {
		t.Error(err)
	}
	if got := p.Stats().Delivered; got != 1 {
		t.Errorf("%d spans delivered", got)
	}
}

func TestObserve(t *testing.T) {
	hushed(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	defer srv.Close()
	p, err := New(env("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader()
	if err := p.Observe(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, s := p.Tracer("t").Start(bg, "s")
		s.End()
	}
	if err := p.Shutdown(bg); err == nil || !strings.Contains(err.Error(), "3 of 3 spans not delivered") {
		t.Errorf("got %v", err)
	}
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(bg, &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		for _, d := range m.Data.(metricdata.Sum[int64]).DataPoints {
			failure, _ := d.Attributes.Value("error.type")
			got[m.Name+" "+failure.AsString()] = d.Value
		}
	}
	want := map[string]int64{
		"otel.sdk.processor.span.processed ": 3, "otel.sdk.processor.span.processed queue_full": 0,
		"otel.sdk.exporter.span.exported ": 0, "otel.sdk.exporter.span.exported rejected": 0, "otel.sdk.exporter.span.exported _OTHER": 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}
