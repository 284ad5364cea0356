package otlp

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func decode(t *testing.T, b []byte) *tracepb.Span {
	t.Helper()
	var s tracepb.Span
	if err := proto.Unmarshal(b, &s); err != nil {
		t.Fatalf("%v in %x", err, b)
	}
	if len(s.ProtoReflect().GetUnknown()) > 0 {
		t.Errorf("unknown fields %x", s.ProtoReflect().GetUnknown())
	}
	return &s
}

// TestLengths: contents around the lengths where the length itself grows.
func TestLengths(t *testing.T) {
	for _, n := range []int{0, 1, 100, 110, 115, 120, 121, 122, 123, 124, 125, 126, 127, 128, 16370, 16380, 16384, 2097140, 2097152} {
		text := strings.Repeat("x", n)
		kv := attribute.Slice("k", attribute.SliceValue(attribute.StringValue(text)), attribute.MapValue(attribute.String("in", text)))
		s := decode(t, AppendAttribute(nil, SpanAttribute, &kv, -1))
		in := s.Attributes[0].Value.GetArrayValue().Values
		if got := in[0].GetArrayValue().Values[0].GetStringValue(); got != text {
			t.Errorf("%d bytes became %d", n, len(got))
		}
		if got := in[1].GetKvlistValue().Values[0].Value.GetStringValue(); got != text {
			t.Errorf("%d bytes in a map became %d", n, len(got))
		}
	}
}

func TestAbsurdDepth(t *testing.T) {
	v := attribute.StringValue("bottom")
	for range 3 * maxDepth {
		v = attribute.SliceValue(v)
	}
	kv := attribute.KeyValue{Key: "deep", Value: v}
	value := decode(t, AppendAttribute(nil, SpanAttribute, &kv, -1)).Attributes[0].Value
	depth := 0
	for value.GetArrayValue() != nil && len(value.GetArrayValue().Values) > 0 {
		value = value.GetArrayValue().Values[0]
		depth++
	}
	if depth != maxDepth+1 {
		t.Errorf("depth %d, want %d", depth, maxDepth+1)
	}
}

func TestTruncate(t *testing.T) {
	for _, c := range []struct {
		s     string
		limit int
		want  string
	}{
		{"abc", -1, "abc"},
		{"abc", 0, ""},
		{"abc", 2, "ab"},
		{"abc", 3, "abc"},
		{"日本語", 2, "日本"},
		{"日本語", 3, "日本語"},
		{"a\xffbc", 2, "ab"},
		{"a\xff", 2, "a\xff"},
		{"\uFFFD\uFFFDx", 2, "\uFFFD\uFFFD"},
	} {
		if got := Truncate(c.s, c.limit); got != c.want {
			t.Errorf("%q cut to %d: %q, want %q", c.s, c.limit, got, c.want)
		}
	}
}

func TestReplace(t *testing.T) {
	var b []byte
	for _, k := range []string{"a", "b", "c"} {
		b = AppendString(b, SpanAttribute, k, "first "+k, -1)
	}
	for _, value := range []string{"", "short", strings.Repeat("long", 100)} {
		from, to := Find(b, "b")
		b = Replace(b, from, to, AppendString(nil, SpanAttribute, "b", value, -1))
		if got, ok := Text(b, "b"); !ok || got != value {
			t.Errorf("got %q, want %q", got, value)
		}
		var keys []string
		Keys(b, func(k string) { keys = append(keys, k) })
		if !slices.Equal(keys, []string{"a", "b", "c"}) {
			t.Errorf("keys %v", keys)
		}
		if s := decode(t, b); s.Attributes[2].Value.GetStringValue() != "first c" {
			t.Errorf("got %v", s)
		}
	}
	if from, _ := Find(b, "d"); from >= 0 {
		t.Error("there is no d")
	}
}

// FuzzSpan: whatever the strings and numbers, what comes out is a span, and its strings are UTF-8 and
// the same as far as they were.
func FuzzSpan(f *testing.F) {
	f.Add("name", "key", "value", int64(1), 1.5, -1, []byte{1}, uint8(1))
	f.Add("\xff", "", "a\xfe\xffb", int64(-1), 0.0, 3, []byte(nil), uint8(255))
	f.Add(strings.Repeat("é", 100), "k\x80", strings.Repeat("日", 200), int64(1)<<62, 1e300, 127, make([]byte, 200), uint8(7))
	f.Fuzz(func(t *testing.T, name, key, value string, n int64, x float64, limit int, raw []byte, bits uint8) {
		kvs := []attribute.KeyValue{
			attribute.String(key, value), attribute.Int64(key, n), attribute.Float64(key, x), attribute.Bool(key, n > 0),
			{Key: attribute.Key(key)},
			attribute.StringSlice(key, []string{value, name}), attribute.ByteSlice(key, raw), attribute.Map(key, attribute.String(value, name), attribute.Int64(name, n)),
			attribute.Int64Slice(key, []int64{n, -n}), attribute.Float64Slice(key, []float64{x}), attribute.BoolSlice(key, []bool{n > 0}),
		}
		var b []byte
		for i := range kvs {
			b = AppendAttribute(b, SpanAttribute, &kvs[i], limit)
		}
		sc := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{bits}, SpanID: oteltrace.SpanID{bits}, TraceFlags: oteltrace.TraceFlags(bits)})
		b = AppendEvent(b, Event{Name: value, Time: time.Unix(0, n), Attributes: kvs, Dropped: int(bits)})
		b = AppendLink(b, oteltrace.Link{SpanContext: sc, Attributes: kvs}, int(bits))
		b = AppendSpan(b, &Span{
			Context: sc, Parent: sc.SpanID(), RemoteParent: bits&1 > 0, Name: name, Kind: bits % 6, Start: time.Unix(0, n),
			Code: codes.Code(bits % 4), Description: key, DroppedAttributes: uint32(bits), DroppedEvents: uint32(bits), DroppedLinks: uint32(bits),
		}, time.Unix(0, 5))
		s := decode(t, b)
		if len(s.Attributes) != len(kvs) || len(s.Events) != 1 || len(s.Links) != 1 || s.Name != strings.ToValidUTF8(name, "\uFFFD") {
			t.Errorf("got %v", s)
		}
		if utf8.ValidString(value) && (limit < 0 || len(value) <= limit) && s.Attributes[0].Value.GetStringValue() != value {
			t.Errorf("%q became %q", value, s.Attributes[0].Value.GetStringValue())
		}
		if s.Attributes[1].Value.GetIntValue() != n || s.Flags&0xff != uint32(bits) || s.DroppedLinksCount != uint32(bits) {
			t.Errorf("got %v", s)
		}
		SetSampled(b)
		if s := decode(t, b); s.Flags&1 != 1 || s.Flags&0xfe != uint32(bits)&0xfe {
			t.Errorf("flags %x", s.Flags)
		}
	})
}
