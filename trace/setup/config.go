package setup

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace/tail"
)

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
	spanProtocol    otlpProtocol
	metricProtocol  otlpProtocol
}

// read reads and checks the variables that lookup answers.
func read(lookup func(string) string) (config, error) {
	e := &env{lookup: lookup}
	c := config{
		disabled: e.boolean("OTEL_SDK_DISABLED"),
		traces:   e.list("OTEL_TRACES_EXPORTER", "otlp", "otlp", "console"),
		metrics:  e.list("OTEL_METRICS_EXPORTER", "otlp", "otlp", "console"),
	}
	c.propagator, c.pinpoint = e.propagator()
	e.checkResource()
	c.sampler = e.sampler()
	e.checkLimits()
	e.checkBatch()
	e.choice("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", "always_on", "always_off")
	e.number("OTEL_METRIC_EXPORT_INTERVAL", 1, " of milliseconds")
	e.number("OTEL_METRIC_EXPORT_TIMEOUT", 1, " of milliseconds")
	c.spanProtocol, c.metricProtocol = e.otlp(c)
	return c, e.err()
}

// checkResource finds what the SDK would leave out of the resource or take as it stands, and what
// the exporters would refuse every batch for.
func (e *env) checkResource() {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	if !utf8.ValidString(e.get("OTEL_SERVICE_NAME")) {
		e.wrong("OTEL_SERVICE_NAME", "%q is not UTF-8", e.get("OTEL_SERVICE_NAME"))
	}
	v := e.get(name)
	if v == "" {
		return
	}
	for i, entry := range strings.Split(v, ",") {
		key, value, ok := strings.Cut(entry, "=")
		key = strings.TrimSpace(key)
		switch decoded, err := url.PathUnescape(strings.TrimSpace(value)); {
		case !ok:
			e.wrong(name, "entry %d is not of the form key=value", i+1)
		case key == "":
			e.wrong(name, "entry %d has no key", i+1)
		case err != nil:
			e.wrong(name, "the value of %q is not percent-encoded: %v", key, err)
		case !utf8.ValidString(key + decoded):
			e.wrong(name, "entry %d is not UTF-8", i+1)
		}
	}
}

// sampler makes the sampler of the variables, which is the one that the SDK makes of them.
func (e *env) sampler() sdktrace.Sampler {
	const arg = "OTEL_TRACES_SAMPLER_ARG"
	name := e.choice("OTEL_TRACES_SAMPLER", "parentbased_always_on", "always_on", "always_off",
		"traceidratio", "parentbased_always_off", "parentbased_traceidratio")
	kind, parentBased := strings.CutPrefix(name, "parentbased_")
	var s sdktrace.Sampler
	switch kind {
	case "always_on":
		s = sdktrace.AlwaysSample()
	case "always_off":
		s = sdktrace.NeverSample()
	default:
		ratio := 1.0
		if v := e.get(arg); v != "" {
			var err error
			if ratio, err = strconv.ParseFloat(v, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
				e.wrong(arg, "%q is not a number from 0 to 1", v)
			}
		}
		s = sdktrace.TraceIDRatioBased(ratio)
	}
	if parentBased {
		return sdktrace.ParentBased(s)
	}
	return s
}

// checkLimits: to the SDK a negative limit means none.
func (e *env) checkLimits() {
	for _, name := range []string{
		"OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
		"OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
		"OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
	} {
		e.number(name, -1, "")
	}
}

func (e *env) checkBatch() {
	e.number("OTEL_BSP_SCHEDULE_DELAY", 1, " of milliseconds")
	e.number("OTEL_BSP_EXPORT_TIMEOUT", 0, " of milliseconds")
	queue := e.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, "")
	batch := e.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, "")
	if queue > 0 && batch > queue {
		e.wrong("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "%d is more than OTEL_BSP_MAX_QUEUE_SIZE, which is %d", batch, queue)
	}
}
