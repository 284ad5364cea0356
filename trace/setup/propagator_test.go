package setup

import (
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	oteltrace "go.opentelemetry.io/otel/trace"
)

const (
	w3cTrace = "0af7651916cd43dd8448eb211c80319c"
	b3Trace  = "463ac35c9f6413ad48485a3953bb6124"
)

// TestPropagatorsRead: each reads its own header, and W3C's prevails, wherever it stands in the list.
func TestPropagatorsRead(t *testing.T) {
	all := http.Header{
		"Traceparent":      {"00-" + w3cTrace + "-b7ad6b7169203331-01"},
		"B3":               {b3Trace + "-0020000000000001-1"},
		"Pinpoint-Traceid": {"agent^1^2"}, "Pinpoint-Spanid": {"5"}, "Pinpoint-Pspanid": {"6"},
	}
	multi := http.Header{"X-B3-Traceid": {b3Trace}, "X-B3-Spanid": {"0020000000000001"}, "X-B3-Sampled": {"1"}}
	uber := http.Header{"Uber-Trace-Id": {b3Trace + ":0020000000000001:0:1"}}
	for _, c := range []struct {
		value  string
		header http.Header
		want   string // the beginning of the trace id
	}{
		{"tracecontext", all, w3cTrace},
		{"b3,tracecontext", all, w3cTrace},
		{"pinpoint,b3,tracecontext", all, w3cTrace},
		{"b3", all, b3Trace},
		{"b3,pinpoint", all, b3Trace},
		{"b3multi", multi, b3Trace},
		{"jaeger", uber, b3Trace},
		{"b3multi", all, b3Trace}, // it reads the single header too
		{"tracecontext", multi, ""},
	} {
		setenv(t, "OTEL_PROPAGATORS", c.value, "OTEL_TRACES_EXPORTER", "none", "OTEL_SERVICE_NAME", "shop")
		start(t)
		ctx := otel.GetTextMapPropagator().Extract(bg, propagation.HeaderCarrier(c.header))
		sc := oteltrace.SpanContextFromContext(ctx)
		if got := sc.TraceID().String(); sc.IsValid() != (c.want != "") || sc.IsValid() && got != c.want {
			t.Errorf("%s: trace %s, want %s", c.value, got, c.want)
		}
		if !sc.IsValid() {
			continue
		}
		out := http.Header{}
		otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(out))
		if len(out) == 0 {
			t.Errorf("%s: nothing is passed on", c.value)
		}
	}
}

// TestPinpointName: the service's name in Pinpoint is its own attribute, or service.name.
func TestPinpointName(t *testing.T) {
	for _, c := range []struct{ attributes, service, want string }{
		{"", "shop", "pp=app:shop;type:1800"},
		{"service.name=from-attributes", "", "pp=app:from-attributes;type:1800"},
		{"pinpoint.applicationName=in-pinpoint,pinpoint.serviceName=group", "not a name", "pp=svc:group;app:in-pinpoint;type:1800"},
	} {
		setenv(t, "OTEL_PROPAGATORS", "tracecontext,pinpoint", "OTEL_TRACES_EXPORTER", "none",
			"OTEL_RESOURCE_ATTRIBUTES", c.attributes, "OTEL_SERVICE_NAME", c.service)
		start(t)
		out := http.Header{}
		ctx := oteltrace.ContextWithSpanContext(bg, oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2},
		}))
		otel.GetTextMapPropagator().Inject(ctx, propagation.HeaderCarrier(out))
		if got := strings.Join(out["Tracestate"], ""); got != c.want {
			t.Errorf("tracestate %q, want %q", got, c.want)
		}
	}
}
