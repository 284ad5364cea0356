package otlp

import (
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Enclosure is what lies before and behind the spans of one scope, or the scopes of one resource,
// encoded.
type Enclosure struct{ Head, Tail []byte }

// Len is how many bytes it takes.
func (e Enclosure) Len() int { return len(e.Head) + len(e.Tail) }

// The fields of ExportTraceServiceRequest, ResourceSpans and ScopeSpans.
const (
	ResourceSpans = 1
	ScopeSpans    = 2
	ScopeSpan     = 2

	innerField  = 1 // the resource, and the scope
	schemaField = 3
)

// Resource encodes what a ResourceSpans has beside its scopes.
func Resource(r *resource.Resource) (e Enclosure) {
	if r == nil {
		return e
	}
	b := open(nil, innerField)
	from := len(b)
	for it := r.Iter(); it.Next(); {
		kv := it.Attribute()
		b = AppendAttribute(b, 1, &kv, -1)
	}
	return Enclosure{seal(b, from), schema(r.SchemaURL())}
}

// Scope encodes what a ScopeSpans has beside its spans.
func Scope(s instrumentation.Scope) (e Enclosure) {
	if s == (instrumentation.Scope{}) {
		return e
	}
	b := open(nil, innerField)
	from := len(b)
	if s.Name != "" {
		b = AppendText(b, 1, s.Name)
	}
	if s.Version != "" {
		b = AppendText(b, 2, s.Version)
	}
	for it := s.Attributes.Iter(); it.Next(); {
		kv := it.Attribute()
		b = AppendAttribute(b, 3, &kv, -1)
	}
	return Enclosure{seal(b, from), schema(s.SchemaURL)}
}

func schema(url string) []byte {
	if url == "" {
		return nil
	}
	return AppendText(nil, schemaField, url)
}
