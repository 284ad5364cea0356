package requestlog

import (
	"github.com/clewhq/clew/trace"
)

// ecsVersion is the version of the Elastic Common Schema that is kept to.
const ecsVersion = "8.17.0"

// ecs appends the document in the Elastic Common Schema. What ECS has no field for
// is named as in OpenTelemetry: http.route, transaction.sampled of Elastic's APM.
func (e *encoder) ecs(b []byte, s *trace.Served) []byte {
	b = append(b, `{"@timestamp":`...)
	b = appendTime(b, s.Start)
	b = append(b, `,"message":`...)
	b = what(b, s)
	if failed(s) {
		b = append(b, `,"log":{"level":"error"}`...)
	} else {
		b = append(b, `,"log":{"level":"info"}`...)
	}
	b = append(b, `,"event":{"kind":"event","category":["web"],"type":["access"],"dataset":"clew.access","outcome":"`...)
	switch {
	case failed(s):
		b = append(b, `failure`...)
	case s.Status == 0:
		b = append(b, `unknown`...)
	default:
		b = append(b, `success`...)
	}
	b = append(b, `","duration":`...)
	b = appendInt(b, s.Duration.Nanoseconds())
	b = append(b, '}')
	b = ecsTrace(b, s)
	b = e.ecsHTTP(b, s)
	b = e.ecsURL(b, s)
	if client := s.ClientAddress(); client != "" {
		b = append(b, `,"client":{"address":`...)
		b = append(appendString(b, client), '}')
	}
	if ua := s.Request.UserAgent(); ua != "" {
		b = append(b, `,"user_agent":{"original":`...)
		b = append(appendText(b, ua), '}')
	}
	if failed(s) {
		b = append(b, `,"error":{"type":`...)
		b = appendString(b, s.ErrorType)
		if s.Message != "" {
			b = append(b, `,"message":`...)
			b = appendText(b, s.Message)
		}
		b = append(b, '}')
	}
	return append(b, e.tail...)
}

func ecsTrace(b []byte, s *trace.Served) []byte {
	sc := s.Span
	if !sc.HasTraceID() {
		return b
	}
	id, span := sc.TraceID(), sc.SpanID()
	b = append(b, `,"trace":{"id":`...)
	b = append(appendHex(b, id[:]), '}')
	if !local(sc) {
		b = append(b, `,"parent":{"id":`...)
		return append(appendHex(b, span[:]), '}')
	}
	b = append(b, `,"span":{"id":`...)
	b = append(appendHex(b, span[:]), '}')
	b = append(b, `,"transaction":{"id":`...)
	b = appendHex(b, span[:])
	if sc.IsSampled() {
		return append(b, `,"sampled":true}`...)
	}
	return append(b, `,"sampled":false}`...)
}

func (e *encoder) ecsHTTP(b []byte, s *trace.Served) []byte {
	b = append(b, `,"http":{"request":{"method":"`...)
	b = append(b, s.Method()...)
	b = append(b, `","body":{"bytes":`...)
	b = append(appendInt(b, s.RequestSize), '}')
	b, any := appendHeaders(b, e.request, s.Request.Header, `,"headers":{`, "")
	if any {
		b = append(b, '}')
	}
	b = append(b, `},"response":{`...)
	if s.Status != 0 {
		b = append(b, `"status_code":`...)
		b = append(appendInt(b, int64(s.Status)), ',')
	}
	b = append(b, `"body":{"bytes":`...)
	b = append(appendInt(b, s.ResponseSize), '}')
	if b, any = appendHeaders(b, e.response, s.Header, `,"headers":{`, ""); any {
		b = append(b, '}')
	}
	b = append(b, '}')
	if v := s.ProtocolVersion(); v != "" {
		b = append(b, `,"version":"`...)
		b = append(b, v...)
		b = append(b, '"')
	}
	if s.Route != "" {
		b = append(b, `,"route":`...)
		b = appendString(b, s.Route)
	}
	return append(b, '}')
}

func (e *encoder) ecsURL(b []byte, s *trace.Served) []byte {
	b = append(b, `,"url":{"scheme":"`...)
	b = append(b, s.Scheme()...)
	b = append(b, `","path":`...)
	b = appendText(b, path(s))
	if q := e.query(s); q != "" {
		b = append(b, `,"query":`...)
		b = appendText(b, q)
	}
	if host, port := s.ServerAddress(); host != "" {
		b = append(b, `,"domain":`...)
		b = appendString(b, host)
		if port > 0 {
			b = append(b, `,"port":`...)
			b = appendInt(b, int64(port))
		}
	}
	return append(b, '}')
}

// ecsTail is what all documents end with. ECS names some resource attributes
// otherwise than OpenTelemetry.
func ecsTail(service map[string]string) string {
	named := map[string]string{"ecs.version": ecsVersion}
	for from, to := range map[string]string{
		"service.name":                "service.name",
		"service.version":             "service.version",
		"service.namespace":           "service.namespace",
		"service.instance.id":         "service.node.name",
		"deployment.environment.name": "service.environment",
		"host.name":                   "host.name",
	} {
		if v := service[from]; v != "" {
			named[to] = v
		}
	}
	return "," + nested(named) + "}"
}
