package requestlog

import (
	"maps"
	"slices"
	"strconv"

	"github.com/clewhq/clew/trace"
)

// otel appends the document as OpenTelemetry's Elasticsearch exporter would write a
// log record: the data model's fields, attributes by the semantic conventions, and
// the resource.
func (e *encoder) otel(b []byte, s *trace.Served) []byte {
	b = append(b, `{"@timestamp":`...)
	b = appendTime(b, s.Start)
	if sc := s.Span; sc.HasTraceID() {
		id, span := sc.TraceID(), sc.SpanID()
		b = append(b, `,"trace_id":`...)
		b = appendHex(b, id[:])
		if local(sc) {
			b = append(b, `,"span_id":`...)
		} else {
			b = append(b, `,"parent_span_id":`...)
		}
		b = appendHex(b, span[:])
		b = append(b, `,"trace_flags":`...)
		b = appendInt(b, int64(sc.TraceFlags()))
	}
	if failed(s) {
		b = append(b, `,"severity_text":"ERROR","severity_number":17`...)
	} else {
		b = append(b, `,"severity_text":"INFO","severity_number":9`...)
	}
	b = append(b, `,"body":{"text":`...)
	b = what(b, s)
	b = append(b, `},"attributes":{`...)
	b = e.attributes(b, s)
	b = append(b, '}')
	return append(b, e.tail...)
}

func (e *encoder) attributes(b []byte, s *trace.Served) []byte {
	b = append(b, `"http.request.method":"`...)
	b = append(b, s.Method()...)
	b = append(b, `","url.scheme":"`...)
	b = append(b, s.Scheme()...)
	b = append(b, `","url.path":`...)
	b = appendText(b, path(s))
	b = append(b, `,"http.request.body.size":`...)
	b = appendInt(b, s.RequestSize)
	b = append(b, `,"http.response.body.size":`...)
	b = appendInt(b, s.ResponseSize)
	b = append(b, `,"http.server.request.duration":`...) // in seconds, as the metric of that name
	b = strconv.AppendFloat(b, s.Duration.Seconds(), 'g', -1, 64)
	if s.Status != 0 {
		b = append(b, `,"http.response.status_code":`...)
		b = appendInt(b, int64(s.Status))
	}
	host, port := s.ServerAddress()
	if port > 0 {
		b = append(b, `,"server.port":`...)
		b = appendInt(b, int64(port))
	}
	for _, a := range [...]struct{ key, value string }{
		{`,"http.route":`, s.Route},
		{`,"url.query":`, e.query(s)},
		{`,"server.address":`, host},
		{`,"client.address":`, s.ClientAddress()},
		{`,"network.protocol.version":`, s.ProtocolVersion()},
		{`,"user_agent.original":`, s.Request.UserAgent()},
		{`,"error.type":`, s.ErrorType},
		{`,"exception.message":`, s.Message},
	} {
		if a.value != "" {
			b = append(b, a.key...)
			b = appendText(b, a.value)
		}
	}
	b, _ = appendHeaders(b, e.request, s.Request.Header, ",", "http.request.header.")
	b, _ = appendHeaders(b, e.response, s.Header, ",", "http.response.header.")
	return b
}

func otelTail(service map[string]string) string {
	b := []byte(`,"resource":{"attributes":{`)
	for i, key := range slices.Sorted(maps.Keys(service)) {
		if service[key] == "" {
			continue
		}
		if i > 0 && b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		b = appendString(b, service[key])
	}
	b = append(b, `}},"scope":{"name":"`+scopeName+`"}}`...)
	return string(b)
}
