package trace

import (
	"net/http"
	"reflect"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The options that are the same for every request.
var (
	asServer = oteltrace.WithSpanKind(oteltrace.SpanKindServer)
	asClient = oteltrace.WithSpanKind(oteltrace.SpanKindClient)
)

// attributeList is room for the attributes of a request, and for the options that hand them to a
// tracer. Filling one anew for each request would be a quarter of what a request that is not sampled
// allocates.
type attributeList struct {
	kv   [maxServerAttributes]attribute.KeyValue
	with [maxServerAttributes + 1]oteltrace.SpanStartOption // [n] is the first n of kv; nil until it is needed
	opts [4]oteltrace.SpanStartOption
}

var attributeLists = sync.Pool{New: func() any { return new(attributeList) }}

// start returns the options of r's server span.
func (l *attributeList) start(r *http.Request) []oteltrace.SpanStartOption {
	n := len(appendServerAttributes(l.kv[:0], r))
	if l.with[n] == nil {
		l.with[n] = oteltrace.WithAttributes(l.kv[:n]...)
	}
	return append(l.opts[:0], asServer, l.with[n])
}

// release is called when nobody looks at l any more.
func (l *attributeList) release() {
	clear(l.kv[:]) // they are strings of the request, and larger than they look
	clear(l.opts[:])
	attributeLists.Put(l)
}

// A lender gives out attribute lists: used ones to a tracer that is known to copy what it is given,
// new ones to all others. OpenTelemetry's API says nothing of how long a tracer may hold on to its
// options, and one that does must not find another request in them.
type lender struct{ copies bool }

func (l lender) lend() *attributeList {
	if l.copies {
		return attributeLists.Get().(*attributeList)
	}
	return new(attributeList)
}

func (l lender) back(list *attributeList) {
	if l.copies {
		list.release()
	}
}

// lenderTo is for spans of tr: those of the SDK copy options and attributes before they return.
func lenderTo(tr oteltrace.Tracer) lender {
	t := reflect.TypeOf(tr)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return lender{t != nil && t.PkgPath() == "go.opentelemetry.io/otel/sdk/trace"}
}
