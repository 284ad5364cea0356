package conform

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Random returns a program made from seed: some spans, and whatever may be done to them in any order.
// It is the same each time it runs.
func Random(seed uint64, steps int) func(oteltrace.TracerProvider) {
	return func(p oteltrace.TracerProvider) {
		r := random{Rand: rand.New(rand.NewPCG(seed, 0)), tracers: []oteltrace.Tracer{
			tracer(p), p.Tracer("other"), p.Tracer("other", oteltrace.WithInstrumentationVersion("2")),
		}}
		r.start()
		for range steps {
			r.step()
		}
		for _, s := range r.spans {
			s.End()
		}
	}
}

type random struct {
	*rand.Rand
	tracers []oteltrace.Tracer
	spans   []oteltrace.Span
}

func (r *random) some() oteltrace.Span { return r.spans[r.IntN(len(r.spans))] }

func (r *random) step() {
	switch s := r.some(); r.IntN(12) {
	case 0:
		r.start()
	case 1, 2, 3, 4:
		s.SetAttributes(r.attributes()...)
	case 5, 6:
		s.AddEvent(r.text(), r.eventOptions()...)
	case 7:
		s.AddLink(oteltrace.Link{SpanContext: r.parent(), Attributes: r.attributes()})
	case 8:
		s.RecordError(errors.New(r.text()), r.eventOptions()...)
	case 9:
		s.SetStatus(codes.Code(r.IntN(3)), r.text())
	case 10:
		if r.IntN(3) == 0 {
			s.End(oteltrace.WithTimestamp(then.Add(time.Duration(r.IntN(1e9)))))
		}
	case 11:
		if r.IntN(4) == 0 {
			s.End()
		}
	}
}

func (r *random) start() {
	var o []oteltrace.SpanStartOption
	if r.IntN(2) == 0 {
		o = append(o, oteltrace.WithSpanKind(oteltrace.SpanKind(r.IntN(7))))
	}
	if r.IntN(2) == 0 {
		o = append(o, oteltrace.WithAttributes(r.attributes()...))
	}
	if r.IntN(4) == 0 {
		o = append(o, oteltrace.WithLinks(oteltrace.Link{SpanContext: r.parent()}))
	}
	if r.IntN(4) == 0 {
		o = append(o, oteltrace.WithTimestamp(then))
	}
	if r.IntN(8) == 0 {
		o = append(o, oteltrace.WithNewRoot())
	}
	ctx := oteltrace.ContextWithSpanContext(bg, r.parent())
	if len(r.spans) > 0 && r.IntN(2) == 0 {
		ctx = oteltrace.ContextWithSpan(bg, r.some())
	}
	_, s := r.tracers[r.IntN(len(r.tracers))].Start(ctx, fmt.Sprint("span ", len(r.spans)), o...)
	r.spans = append(r.spans, s)
}

func (r *random) parent() oteltrace.SpanContext {
	if len(r.spans) > 0 && r.IntN(3) == 0 {
		return r.some().SpanContext()
	}
	return remote(oteltrace.TraceFlags(r.IntN(4)), []string{"", "a=1", "b=2,c=3"}[r.IntN(3)], byte(1+r.IntN(3)))
}

func (r *random) eventOptions() (o []oteltrace.EventOption) {
	if r.IntN(2) == 0 {
		o = append(o, oteltrace.WithAttributes(r.attributes()...))
	}
	if r.IntN(4) == 0 {
		o = append(o, oteltrace.WithTimestamp(then.Add(time.Duration(r.IntN(1e9)))))
	}
	return o
}

// attributes have few keys, so that they meet.
func (r *random) attributes() []attribute.KeyValue {
	kvs := make([]attribute.KeyValue, r.IntN(6))
	for i := range kvs {
		kvs[i] = attribute.KeyValue{Key: attribute.Key(r.key()), Value: r.value(3)}
	}
	return kvs
}

func (r *random) key() string {
	if r.IntN(20) == 0 {
		return ""
	}
	return []string{"http.route", "k", "key."}[r.IntN(3)] + fmt.Sprint(r.IntN(1+r.IntN(60)))
}

func (r *random) text() string {
	runes := []rune("aé世😀 \x00")
	if r.IntN(10) == 0 {
		return strings.Repeat(string(runes[r.IntN(len(runes))]), r.IntN(400))
	}
	var b strings.Builder
	for range r.IntN(20) {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

func (r *random) value(depth int) attribute.Value {
	n := 13
	if depth == 0 {
		n = 11
	}
	switch r.IntN(n) {
	case 0, 1, 2:
		return attribute.StringValue(r.text())
	case 3, 4:
		return attribute.Int64Value(int64(r.Uint64() >> r.IntN(64)))
	case 5:
		return attribute.BoolValue(r.IntN(2) == 0)
	case 6:
		return attribute.Float64Value(r.NormFloat64())
	case 7:
		return attribute.StringSliceValue(fill(r, r.text))
	case 8:
		return attribute.Int64SliceValue(fill(r, r.Int64))
	case 9:
		return attribute.ByteSliceValue([]byte(r.text()))
	case 10:
		return attribute.Value{}
	case 11:
		return attribute.SliceValue(fill(r, func() attribute.Value { return r.value(depth - 1) })...)
	default:
		return attribute.MapValue(fill(r, func() attribute.KeyValue {
			return attribute.KeyValue{Key: attribute.Key(r.key()), Value: r.value(depth - 1)}
		})...)
	}
}

func fill[T any](r *random, one func() T) []T {
	out := make([]T, r.IntN(4))
	for i := range out {
		out[i] = one()
	}
	return out
}
