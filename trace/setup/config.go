package setup

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace/internal/otelenv"
	"github.com/clewhq/clew/trace/provider"
	"github.com/clewhq/clew/trace/tail"
)

// env is where the variables come from, with what only this package reads.
type env struct{ *otelenv.Env }

// config is what the variables say, as far as the SDK and its exporters do not read them themselves.
// All of them have been checked.
type config struct {
	disabled        bool
	propagator      propagation.TextMapPropagator
	pinpoint        bool     // span ids as Pinpoint's callers decide
	traces, metrics []string // exporters
	sampler         sdktrace.Sampler
	tail            *tail.Config // nil: not wanted
	processors      []sdktrace.SpanProcessor
	fast            []provider.Option // not nil: package provider's, with these
	spanProtocol    otlpProtocol
	metricProtocol  otlpProtocol
}

// read reads and checks the variables that lookup answers.
func read(lookup func(string) string) (config, error) {
	e := env{otelenv.New(lookup)}
	c := config{
		disabled: e.Boolean("OTEL_SDK_DISABLED"),
		traces:   e.List("OTEL_TRACES_EXPORTER", "otlp", "otlp", "console"),
		metrics:  e.List("OTEL_METRICS_EXPORTER", "otlp", "otlp", "console"),
	}
	c.propagator, c.pinpoint = e.propagator()
	e.checkResource()
	c.sampler = e.Sampler()
	e.Limits()
	e.Batch()
	e.Choice("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "always_on", "always_off")
	e.Number("OTEL_METRIC_EXPORT_INTERVAL", 1, " of milliseconds")
	e.Number("OTEL_METRIC_EXPORT_TIMEOUT", 1, " of milliseconds")
	c.spanProtocol, c.metricProtocol = e.otlp(c)
	return c, e.Err()
}

// checkResource finds what the SDK would leave out of the resource or take as it stands, and what
// the exporters would refuse every batch for.
func (e env) checkResource() {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	if !utf8.ValidString(e.Get("OTEL_SERVICE_NAME")) {
		e.Wrong("OTEL_SERVICE_NAME", "%q is not UTF-8", e.Get("OTEL_SERVICE_NAME"))
	}
	v := e.Get(name)
	if v == "" {
		return
	}
	for i, entry := range strings.Split(v, ",") {
		key, value, ok := strings.Cut(entry, "=")
		key = strings.TrimSpace(key)
		switch decoded, err := url.PathUnescape(strings.TrimSpace(value)); {
		case !ok:
			e.Wrong(name, "entry %d is not of the form key=value", i+1)
		case key == "":
			e.Wrong(name, "entry %d has no key", i+1)
		case err != nil:
			e.Wrong(name, "the value of %q is not percent-encoded: %v", key, err)
		case !utf8.ValidString(key + decoded):
			e.Wrong(name, "entry %d is not UTF-8", i+1)
		}
	}
}
