package requestlog

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/redact"
)

// encoder makes documents. It is not changed once made.
type encoder struct {
	schema   Schema
	tail     string // what all documents end with: who has written them
	request  []header
	response []header
	deny     map[string]bool
}

func newEncoder(c *config) *encoder {
	e := &encoder{schema: c.schema, request: c.request, response: c.response, deny: c.deny}
	if c.schema == OTel {
		e.tail = otelTail(c.service)
	} else {
		e.tail = ecsTail(c.service)
	}
	return e
}

func (e *encoder) append(b []byte, s *trace.Served) []byte {
	if e.schema == OTel {
		return e.otel(b, s)
	}
	return e.ecs(b, s)
}

// query is the query string with what must not be kept hidden.
func (e *encoder) query(s *trace.Served) string {
	if s.Request.URL == nil || s.Request.URL.RawQuery == "" {
		return ""
	}
	return redact.Query(s.Request.URL.RawQuery, e.deny)
}

func path(s *trace.Served) string {
	if s.Request.URL == nil {
		return ""
	}
	return s.Request.URL.Path
}

// failed reports whether the request counts as an error of this server's.
func failed(s *trace.Served) bool { return s.ErrorType != "" }

// what is the line that a person reads first: method, route or path, status.
func what(b []byte, s *trace.Served) []byte {
	b = append(b, '"')
	b = append(b, s.Method()...)
	b = append(b, ' ')
	at := len(b)
	if s.Route != "" {
		b = appendString(b, s.Route)
	} else {
		b = appendText(b, path(s))
	}
	b = append(b[:at], b[at+1:len(b)-1]...) // without its quotes
	switch {
	case s.Status != 0:
		b = append(b, ' ')
		b = appendInt(b, int64(s.Status))
	case s.Hijacked:
		b = append(b, " hijacked"...)
	default:
		b = append(b, " aborted"...)
	}
	return append(b, '"')
}

// local reports whether the span of sc was begun in this process, so that it is the
// request's own and not its caller's.
func local(sc oteltrace.SpanContext) bool { return sc.IsValid() && !sc.IsRemote() }

// appendHeaders appends the headers on the list that are there, each as an array;
// prefix is what the key begins with. The first is preceded by sep, all others by a
// comma; any reports whether there was one.
func appendHeaders(b []byte, list []header, h http.Header, sep, prefix string) (_ []byte, any bool) {
	for _, want := range list {
		values := want.values(h)
		if len(values) == 0 {
			continue
		}
		b = append(b, sep...)
		sep, any = ",", true
		b = append(b, '"')
		b = append(b, prefix...)
		b = append(b, want.lower...)
		b = append(b, `":[`...)
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, v)
		}
		b = append(b, ']')
	}
	return b, any
}

// nested turns attributes with dotted keys into JSON objects within each other,
// without the outermost braces, in the order of their keys.
func nested(attributes map[string]string) string {
	type object = map[string]any
	root := object{}
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		at, parts := root, strings.Split(key, ".")
		for _, p := range parts[:len(parts)-1] {
			inner, ok := at[p].(object)
			if !ok {
				inner = object{}
				at[p] = inner
			}
			at = inner
		}
		at[parts[len(parts)-1]] = attributes[key]
	}
	var write func(b []byte, o object) []byte
	write = func(b []byte, o object) []byte {
		for i, key := range slices.Sorted(maps.Keys(o)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, key), ':')
			if inner, ok := o[key].(object); ok {
				b = append(b, '{')
				b = append(write(b, inner), '}')
			} else {
				b = appendString(b, o[key].(string))
			}
		}
		return b
	}
	return string(write(nil, root))
}
