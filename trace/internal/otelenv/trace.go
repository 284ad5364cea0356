package otelenv

import (
	"strconv"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Sampler makes the sampler of the variables, which is the one that the SDK makes of them.
func (e *Env) Sampler() sdktrace.Sampler {
	const arg = "OTEL_TRACES_SAMPLER_ARG"
	name := e.Choice("OTEL_TRACES_SAMPLER", "parentbased_always_on", "always_on", "always_off",
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
		if v := e.Get(arg); v != "" {
			var err error
			if ratio, err = strconv.ParseFloat(v, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
				e.Wrong(arg, "%q is not a number from 0 to 1", v)
			}
		}
		s = sdktrace.TraceIDRatioBased(ratio)
	}
	if parentBased {
		return sdktrace.ParentBased(s)
	}
	return s
}

// Limits returns the limits of a span, with the SDK's defaults. A negative one means none.
func (e *Env) Limits() sdktrace.SpanLimits {
	return sdktrace.SpanLimits{
		AttributeCountLimit: e.limit(sdktrace.DefaultAttributeCountLimit,
			"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
		AttributeValueLengthLimit: e.limit(sdktrace.DefaultAttributeValueLengthLimit,
			"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
		EventCountLimit:             e.limit(sdktrace.DefaultEventCountLimit, "OTEL_SPAN_EVENT_COUNT_LIMIT"),
		LinkCountLimit:              e.limit(sdktrace.DefaultLinkCountLimit, "OTEL_SPAN_LINK_COUNT_LIMIT"),
		AttributePerEventCountLimit: e.limit(sdktrace.DefaultAttributePerEventCountLimit, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"),
		AttributePerLinkCountLimit:  e.limit(sdktrace.DefaultAttributePerLinkCountLimit, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
	}
}

// limit is the first of the variables that is set; all are checked.
func (e *Env) limit(preset int, names ...string) int {
	limit, found := preset, false
	for _, name := range names {
		if n, set := e.Number(name, -1, ""); set && !found {
			limit, found = n, true
		}
	}
	return limit
}

// Batch is how spans are put together and how long one export may take.
type Batch struct {
	Delay   time.Duration // how long a span waits for others
	Timeout time.Duration // of an export with all attempts; 0: none
	Size    int           // spans in a request
	Queue   int           // spans that may wait; 0: not set
}

// Batch returns what the variables for batches of spans say, with the SDK's defaults.
func (e *Env) Batch() Batch {
	b := Batch{
		Delay:   sdktrace.DefaultScheduleDelay * time.Millisecond,
		Timeout: sdktrace.DefaultExportTimeout * time.Millisecond,
		Size:    sdktrace.DefaultMaxExportBatchSize,
	}
	if n, set := e.Number("OTEL_BSP_SCHEDULE_DELAY", 1, " of milliseconds"); set {
		b.Delay = time.Duration(n) * time.Millisecond
	}
	if n, set := e.Number("OTEL_BSP_EXPORT_TIMEOUT", 0, " of milliseconds"); set {
		b.Timeout = time.Duration(n) * time.Millisecond
	}
	queue, queueSet := e.Number("OTEL_BSP_MAX_QUEUE_SIZE", 1, "")
	size, sizeSet := e.Number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 1, "")
	if queueSet && sizeSet && size > queue {
		e.Wrong("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "%d is more than OTEL_BSP_MAX_QUEUE_SIZE, which is %d", size, queue)
	}
	if sizeSet {
		b.Size = size
	}
	if queueSet {
		b.Queue = queue
		b.Size = min(b.Size, queue)
	}
	return b
}
