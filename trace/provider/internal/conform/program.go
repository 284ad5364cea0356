package conform

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Program makes spans. All its spans have different names, and it may be run any number of times.
type Program struct {
	Name string
	Run  func(oteltrace.TracerProvider)
}

var bg = context.Background()

// then is a time that no run is at.
var then = time.Date(2020, 2, 29, 12, 0, 0, 123456789, time.UTC)

// Programs returns the programs that a provider has to run as the SDK does, under whatever limits.
func Programs() []Program {
	return []Program{
		{"parents", parents},
		{"remote parents", remoteParents},
		{"kinds", kinds},
		{"attributes of all types", types},
		{"attributes twice", twice},
		{"odd attributes", odd},
		{"many of all", many},
		{"long values", long},
		{"events", events},
		{"links", links},
		{"errors", recordedErrors},
		{"panics", panics},
		{"status", statuses},
		{"times", times},
		{"after the end", afterEnd},
		{"scopes", scopes},
		{"contexts", contexts},
		{"names", names},
	}
}

func tracer(p oteltrace.TracerProvider) oteltrace.Tracer {
	return p.Tracer("conform", oteltrace.WithInstrumentationVersion("1.2.3"), oteltrace.WithSchemaURL("https://example.com/scope"))
}

func parents(p oteltrace.TracerProvider) {
	tr := tracer(p)
	ctx, root := tr.Start(bg, "root")
	child, c := tr.Start(ctx, "child")
	_, g := tr.Start(child, "grandchild")
	_, fresh := tr.Start(child, "new root", oteltrace.WithNewRoot())
	_, late := tr.Start(child, "child of the ended")
	for _, s := range []oteltrace.Span{g, c, fresh, root, late} {
		s.End()
	}
	_, none := tr.Start(nil, "no context") //nolint:staticcheck // providers must cope
	none.End()
}

// remoteTrace is what trace ids begin with that a program makes up.
const remoteTrace = 0xaa

// remote is a parent in another process.
func remote(flags oteltrace.TraceFlags, state string, id byte) oteltrace.SpanContext {
	ts, err := oteltrace.ParseTraceState(state)
	if err != nil {
		panic(err)
	}
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{remoteTrace, 1, 14: id, 15: id}, SpanID: oteltrace.SpanID{id, 2, 3}, TraceFlags: flags, TraceState: ts, Remote: true,
	})
}

func remoteParents(p oteltrace.TracerProvider) {
	tr := tracer(p)
	for i, sc := range []oteltrace.SpanContext{
		remote(1, "", 1), remote(1, "a=1,b=2", 2), remote(0, "c=3", 3), remote(0xff, "", 4), remote(0x02, "d=4", 5),
		remote(1, "", 6).WithSpanID(oteltrace.SpanID{}), remote(1, "e=5", 7).WithTraceID(oteltrace.TraceID{}),
	} {
		ctx, s := tr.Start(oteltrace.ContextWithRemoteSpanContext(bg, sc), fmt.Sprintf("under remote %d", i))
		_, c := tr.Start(ctx, fmt.Sprintf("below %d", i))
		c.End()
		s.End()
		_, local := tr.Start(oteltrace.ContextWithSpanContext(bg, sc.WithRemote(false)), fmt.Sprintf("under local %d", i))
		local.End()
		_, root := tr.Start(oteltrace.ContextWithRemoteSpanContext(bg, sc), fmt.Sprintf("not under %d", i), oteltrace.WithNewRoot())
		root.End()
	}
}

// ByID makes spans whose trace ids are known beforehand, for samplers that go by those.
func ByID(p oteltrace.TracerProvider) {
	for i := range 64 {
		sc := remote(oteltrace.TraceFlags(i%2), "", 1)
		id := sc.TraceID()
		id[8], id[9] = byte(i*4), byte(i)
		_, s := tracer(p).Start(oteltrace.ContextWithRemoteSpanContext(bg, sc.WithTraceID(id)), fmt.Sprint("by id ", i))
		s.End()
		_, r := tracer(p).Start(oteltrace.ContextWithSpanContext(bg, sc.WithTraceID(id).WithSpanID(oteltrace.SpanID{})), fmt.Sprint("root by id ", i))
		r.End()
	}
}

func kinds(p oteltrace.TracerProvider) {
	for k := range oteltrace.SpanKind(8) {
		_, s := tracer(p).Start(bg, fmt.Sprintf("kind %d", k), oteltrace.WithSpanKind(k))
		s.End()
	}
}

// All are attributes of all types, with the edges of each.
func All() []attribute.KeyValue {
	deep := attribute.StringValue("bottom")
	for range 6 { // doubles each time
		deep = attribute.SliceValue(deep, attribute.MapValue(attribute.KeyValue{Key: "in", Value: deep}))
	}
	return []attribute.KeyValue{
		attribute.String("string", "héllo, 世界"), attribute.String("string.empty", ""),
		attribute.Int("int", 1), attribute.Int("int.zero", 0), attribute.Int64("int.min", math.MinInt64), attribute.Int64("int.max", math.MaxInt64),
		attribute.Bool("true", true), attribute.Bool("false", false),
		attribute.Float64("float", 1.5), attribute.Float64("float.zero", 0), attribute.Float64("float.inf", math.Inf(-1)), attribute.Float64("float.max", math.MaxFloat64),
		attribute.StringSlice("strings", []string{"a", "", "ccc", strings.Repeat("long ", 60)}), attribute.StringSlice("strings.none", nil),
		attribute.IntSlice("ints", []int{0, -1, math.MaxInt64}), attribute.IntSlice("ints.none", []int{}),
		attribute.Float64Slice("floats", []float64{0, -1.25, math.Inf(1)}), attribute.Float64Slice("floats.none", nil),
		attribute.BoolSlice("bools", []bool{true, false}), attribute.BoolSlice("bools.none", nil),
		attribute.ByteSlice("bytes", []byte{0, 255, 128, 'a'}), attribute.ByteSlice("bytes.none", nil),
		attribute.Slice("slice", attribute.IntValue(1), attribute.Value{}, attribute.StringSliceValue([]string{"x"}), attribute.MapValue()),
		attribute.Map("map", attribute.String("b", "1"), attribute.Int("a", 2), attribute.String("b", "3"), attribute.KeyValue{Key: "none"}),
		attribute.Slice("slice.none"), attribute.Map("map.none"),
		{Key: "deep", Value: deep},
		{Key: "nothing"},
	}
}

func types(p oteltrace.TracerProvider) {
	_, a := tracer(p).Start(bg, "set at the start", oteltrace.WithAttributes(All()...))
	a.End()
	_, b := tracer(p).Start(bg, "set later")
	b.SetAttributes(All()...)
	b.SetAttributes()
	b.AddEvent("event", oteltrace.WithAttributes(All()...))
	b.AddLink(oteltrace.Link{SpanContext: remote(1, "", 9), Attributes: All()})
	b.End()
	_, c := tracer(p).Start(bg, "set one by one")
	for _, kv := range All() {
		c.SetAttributes(kv)
	}
	c.End()
}

func twice(p oteltrace.TracerProvider) {
	_, s := tracer(p).Start(bg, "twice", oteltrace.WithAttributes(attribute.Int("a", 1), attribute.String("b", "first"), attribute.Int("a", 2)))
	s.SetAttributes(attribute.String("c", "x"), attribute.String("a", "another type, and longer than before"))
	s.SetAttributes(attribute.Bool("b", true), attribute.String("d", strings.Repeat("d", 300)))
	s.SetAttributes(attribute.Int("d", 0), attribute.StringSlice("c", []string{"1", "2"}))
	s.AddEvent("not deduplicated", oteltrace.WithAttributes(attribute.Int("a", 1), attribute.Int("a", 2)))
	s.End()
	_, t := tracer(p).Start(bg, "everything twice")
	for round := range 2 {
		for i := range 200 {
			t.SetAttributes(attribute.Int(fmt.Sprint("key", i), i*round))
		}
	}
	t.End()
	_, u := tracer(p).Start(bg, "types twice")
	u.SetAttributes(All()...)
	for i, kv := range All() {
		u.SetAttributes(attribute.KeyValue{Key: kv.Key, Value: attribute.IntValue(i)})
	}
	u.SetAttributes(All()...)
	u.End()
}

func odd(p oteltrace.TracerProvider) {
	_, s := tracer(p).Start(bg, "odd", oteltrace.WithAttributes(attribute.String("", "no key"), attribute.KeyValue{}))
	s.SetAttributes(attribute.Int("", 1), attribute.Int("fine", 1), attribute.String("", ""))
	s.SetAttributes(attribute.String("ключ", "значение"), attribute.String(strings.Repeat("k", 200), "long key"))
	s.AddEvent("", oteltrace.WithAttributes(attribute.String("", "no key")))
	s.End()
}

func many(p oteltrace.TracerProvider) {
	_, s := tracer(p).Start(bg, "many")
	for i := range 200 {
		s.SetAttributes(attribute.Int(fmt.Sprint("attribute", i), i), attribute.Int("same", i))
		s.AddEvent(fmt.Sprint("event", i))
		s.AddLink(oteltrace.Link{SpanContext: remote(1, "", byte(i+1))})
	}
	var kvs []attribute.KeyValue
	for i := range 200 {
		kvs = append(kvs, attribute.Int(fmt.Sprint("k", i), i))
	}
	s.AddEvent("with many", oteltrace.WithAttributes(kvs...))
	s.AddLink(oteltrace.Link{SpanContext: remote(1, "", 201), Attributes: kvs})
	s.SetAttributes(kvs...)
	s.End()
	_, at := tracer(p).Start(bg, "many at the start", oteltrace.WithAttributes(kvs...))
	at.End()
}

func long(p oteltrace.TracerProvider) {
	_, s := tracer(p).Start(bg, "long")
	for i, text := range []string{"日本語", strings.Repeat("é", 40), strings.Repeat("x", 127), strings.Repeat("x", 128), strings.Repeat("y", 70000)} {
		s.SetAttributes(attribute.String(fmt.Sprint("text", i), text), attribute.ByteSlice(fmt.Sprint("bytes", i), []byte(text)),
			attribute.StringSlice(fmt.Sprint("texts", i), []string{text, "a"}),
			attribute.Slice(fmt.Sprint("slice", i), attribute.StringValue(text), attribute.MapValue(attribute.String(text, text))))
		s.AddEvent(text, oteltrace.WithAttributes(attribute.String("not cut", text)))
	}
	s.End()
}

func events(p oteltrace.TracerProvider) {
	_, s := tracer(p).Start(bg, "events")
	s.AddEvent("plain")
	s.AddEvent("at a time", oteltrace.WithTimestamp(then), oteltrace.WithAttributes(attribute.String("a", "b")))
	s.AddEvent("before 1970", oteltrace.WithTimestamp(time.Unix(-5, 0)))
	s.AddEvent("two options", oteltrace.WithAttributes(attribute.Int("a", 1)), oteltrace.WithAttributes(attribute.Int("b", 2)))
	s.End()
}

func links(p oteltrace.TracerProvider) {
	tr := tracer(p)
	ctx, a := tr.Start(bg, "a")
	_, b := tr.Start(bg, "b", oteltrace.WithLinks(oteltrace.LinkFromContext(ctx, attribute.Int("n", 1)), oteltrace.Link{SpanContext: remote(1, "x=y", 1)}))
	b.AddLink(oteltrace.Link{SpanContext: remote(0, "", 2), Attributes: []attribute.KeyValue{attribute.String("k", "v")}})
	b.AddLink(oteltrace.Link{})
	b.AddLink(oteltrace.Link{Attributes: []attribute.KeyValue{attribute.Bool("no context", true)}})
	b.AddLink(oteltrace.Link{SpanContext: remote(1, "only=state", 3).WithTraceID(oteltrace.TraceID{}).WithSpanID(oteltrace.SpanID{})})
	b.End()
	a.End()
}

type oddError struct{ text string }

func (e *oddError) Error() string { return e.text }

func recordedErrors(p oteltrace.TracerProvider) {
	_, s := tracer(p).Start(bg, "errors")
	s.RecordError(nil)
	s.RecordError(errors.New("plain"))
	s.RecordError(&oddError{"odd"}, oteltrace.WithTimestamp(then), oteltrace.WithAttributes(attribute.Int("before", 1)))
	s.RecordError(fmt.Errorf("wrapped: %w", errors.ErrUnsupported))
	s.RecordError(errors.Join(errors.New("one"), errors.New("two")))
	s.End()
}

func panics(p oteltrace.TracerProvider) {
	for i, v := range []any{"text", errors.New("an error"), 42, &oddError{"odd"}, struct{ A, B int }{1, 2}, runtime.Error(nil)} {
		func() {
			defer func() { _ = recover() }()
			_, s := tracer(p).Start(bg, fmt.Sprint("panic ", i))
			defer s.End()
			panic(v)
		}()
	}
	func() {
		defer func() { _ = recover() }()
		_, s := tracer(p).Start(bg, "not in a panic")
		defer func() { s.End() }() // recover does nothing there
		panic("unseen")
	}()
}

func statuses(p oteltrace.TracerProvider) {
	type set struct {
		code codes.Code
		text string
	}
	for i, sets := range [][]set{
		{{codes.Ok, "not kept"}},
		{{codes.Error, "kept"}},
		{{codes.Error, "kept"}, {codes.Unset, "no way back"}},
		{{codes.Error, "first"}, {codes.Error, "second"}},
		{{codes.Error, "first"}, {codes.Ok, ""}, {codes.Error, "too late"}},
		{{codes.Unset, "nothing"}},
		{{codes.Error, ""}},
		{{codes.Code(7), "unknown"}, {codes.Ok, ""}},
	} {
		_, s := tracer(p).Start(bg, fmt.Sprint("status ", i))
		for _, x := range sets {
			s.SetStatus(x.code, x.text)
		}
		s.End()
	}
}

func times(p oteltrace.TracerProvider) {
	tr := tracer(p)
	_, a := tr.Start(bg, "both set", oteltrace.WithTimestamp(then))
	a.End(oteltrace.WithTimestamp(then.Add(time.Second)))
	_, b := tr.Start(bg, "end before start", oteltrace.WithTimestamp(then))
	b.End(oteltrace.WithTimestamp(then.Add(-time.Hour)))
	_, c := tr.Start(bg, "start set", oteltrace.WithTimestamp(time.Unix(0, 1)))
	c.End(oteltrace.WithTimestamp(time.Unix(-1, 0)))
	_, d := tr.Start(bg, "end set")
	d.End(oteltrace.WithTimestamp(then))
	_, e := tr.Start(bg, "elsewhere", oteltrace.WithTimestamp(then.In(time.FixedZone("x", 3600))))
	e.End(oteltrace.WithTimestamp(then), oteltrace.WithStackTrace(true))
	_, f := tr.Start(bg, "none set")
	f.AddEvent("between")
	f.End()
}

func afterEnd(p oteltrace.TracerProvider) {
	tr := tracer(p)
	ctx, s := tr.Start(bg, "ended")
	s.End()
	s.SetName("renamed")
	s.SetAttributes(attribute.Int("late", 1))
	s.AddEvent("late")
	s.AddLink(oteltrace.Link{SpanContext: remote(1, "", 1)})
	s.RecordError(errors.New("late"))
	s.SetStatus(codes.Error, "late")
	s.End()
	s.End(oteltrace.WithTimestamp(then))
	_, c := tr.Start(ctx, "child after the end")
	c.End()
}

func scopes(p oteltrace.TracerProvider) {
	for i, tr := range []oteltrace.Tracer{
		p.Tracer(""), p.Tracer("one"), p.Tracer("one", oteltrace.WithInstrumentationVersion("2")),
		p.Tracer("one", oteltrace.WithSchemaURL("https://example.com/1")),
		p.Tracer("one", oteltrace.WithInstrumentationAttributes(attribute.String("k", "v"), attribute.Int("n", 1))),
		p.Tracer("one"), p.Tracer("two"),
	} {
		_, s := tr.Start(bg, fmt.Sprint("of scope ", i))
		s.End()
	}
}

func names(p oteltrace.TracerProvider) {
	_, a := tracer(p).Start(bg, "old name")
	a.SetName("new name")
	a.End()
	_, b := tracer(p).Start(bg, "") // the empty name
	b.End()
	_, c := tracer(p).Start(bg, "gone")
	c.SetName("名前 " + strings.Repeat("n", 500))
	c.End()
}

// contexts: a span's context is one like any other.
func contexts(p oteltrace.TracerProvider) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(bg, key{}, "value"))
	ctx, outer := tracer(p).Start(ctx, "outer")
	ctx, stop := context.WithTimeout(ctx, time.Hour)
	defer stop()
	ctx, inner := tracer(p).Start(ctx, "inner")
	inner.SetAttributes(attribute.String("value", ctx.Value(key{}).(string)), attribute.Bool("live", ctx.Err() == nil),
		attribute.Bool("itself", oteltrace.SpanContextFromContext(ctx).Equal(inner.SpanContext())), attribute.Bool("recording", inner.IsRecording()),
		attribute.Bool("provider", inner.TracerProvider() == p))
	cancel()
	<-ctx.Done()
	inner.SetAttributes(attribute.String("then", ctx.Err().Error()))
	inner.End()
	outer.SetAttributes(attribute.Bool("recording after the end", inner.IsRecording()))
	outer.End()
}
