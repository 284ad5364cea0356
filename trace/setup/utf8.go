package setup

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// repaired returns s itself if all its strings are UTF-8, and otherwise s with U+FFFD where they are
// not. The exporters would refuse the whole batch that s is in: OTLP's strings are protobuf strings.
func repaired(s sdktrace.ReadOnlySpan) sdktrace.ReadOnlySpan {
	r := repairedSpan{ReadOnlySpan: s, name: s.Name(), status: s.Status(), attributes: s.Attributes(), events: s.Events(), links: s.Links()}
	bad := fixString(&r.name)
	bad = fixString(&r.status.Description) || bad
	bad = fixAttributes(&r.attributes) || bad
	bad = fixEach(&r.events, func(e *sdktrace.Event) bool {
		named := fixString(&e.Name)
		return fixAttributes(&e.Attributes) || named
	}) || bad
	bad = fixEach(&r.links, func(l *sdktrace.Link) bool { return fixAttributes(&l.Attributes) }) || bad
	if !bad {
		return s
	}
	return r
}

type repairedSpan struct {
	sdktrace.ReadOnlySpan
	name       string
	status     sdktrace.Status
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	links      []sdktrace.Link
}

func (r repairedSpan) Name() string                     { return r.name }
func (r repairedSpan) Status() sdktrace.Status          { return r.status }
func (r repairedSpan) Attributes() []attribute.KeyValue { return r.attributes }
func (r repairedSpan) Events() []sdktrace.Event         { return r.events }
func (r repairedSpan) Links() []sdktrace.Link           { return r.links }

// fixEach fixes the elements that need it in a copy, because the SDK's slices are shared.
func fixEach[T any](list *[]T, fix func(*T) bool) (bad bool) {
	for i := range *list {
		elem := (*list)[i]
		if !fix(&elem) {
			continue
		}
		if !bad {
			*list = append([]T(nil), *list...)
			bad = true
		}
		(*list)[i] = elem
	}
	return bad
}

func fixAttributes(kvs *[]attribute.KeyValue) bool { return fixEach(kvs, fixAttribute) }

func fixAttribute(kv *attribute.KeyValue) bool {
	key := string(kv.Key)
	bad := fixString(&key)
	kv.Key = attribute.Key(key)
	return fixValue(&kv.Value) || bad
}

func fixValue(v *attribute.Value) bool {
	switch v.Type() {
	case attribute.STRING:
		s := v.AsString()
		if !fixString(&s) {
			return false
		}
		*v = attribute.StringValue(s)
	case attribute.STRINGSLICE:
		list := v.AsStringSlice()
		if !fixEach(&list, fixString) {
			return false
		}
		*v = attribute.StringSliceValue(list)
	case attribute.SLICE:
		list := v.AsSlice()
		if !fixEach(&list, fixValue) {
			return false
		}
		*v = attribute.SliceValue(list...)
	case attribute.MAP:
		list := v.AsMap()
		if !fixAttributes(&list) {
			return false
		}
		*v = attribute.MapValue(list...)
	default:
		return false
	}
	return true
}

func fixString(s *string) bool {
	if utf8.ValidString(*s) {
		return false
	}
	*s = strings.ToValidUTF8(*s, "\uFFFD")
	return true
}
