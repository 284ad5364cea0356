package trace

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// durationBounds are the buckets the conventions advise for http.*.request.duration, in seconds.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// databaseBounds are those for db.client.operation.duration.
var databaseBounds = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

// maxSeries bounds what is remembered of attribute sets, not what is recorded.
const maxSeries = 2000

// series is what tells one time series from another. Nothing in it is a client's free choice; the
// address of the server is only set by clients, where the program has chosen it.
type series struct {
	method, scheme, route, version, errorType, address string
	port, status                                       int
}

func (k series) attributes() attribute.Set {
	kv := make([]attribute.KeyValue, 0, 8)
	add := func(key attribute.Key, v string) {
		if v != "" {
			kv = append(kv, key.String(v))
		}
	}
	add(semconv.HTTPRequestMethodKey, k.method)
	add(semconv.URLSchemeKey, k.scheme)
	add(semconv.HTTPRouteKey, k.route)
	add(semconv.NetworkProtocolVersionKey, k.version)
	add(semconv.ErrorTypeKey, k.errorType)
	add(semconv.ServerAddressKey, k.address)
	if k.port != 0 {
		kv = append(kv, semconv.ServerPort(k.port))
	}
	if k.status != 0 {
		kv = append(kv, semconv.HTTPResponseStatusCode(k.status))
	}
	return attribute.NewSet(kv...)
}

// instruments are the three of one side of HTTP.
type instruments struct {
	duration      metric.Float64Histogram
	request, resp metric.Int64Histogram
	malformed     metric.Int64Counter // nil for clients: they send

	mu      sync.RWMutex
	options map[series][]metric.RecordOption
}

// meterOf returns our meter of mp, or of the global provider if that is nil.
func meterOf(mp metric.MeterProvider) metric.Meter {
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	return mp.Meter(scopeName, metric.WithSchemaURL(semconv.SchemaURL))
}

// newInstruments makes those named http.SIDE.…, or returns nil if c wants none or the meter cannot.
// The context of a measurement goes along, so that the SDK can pick exemplars from sampled spans.
func newInstruments(c *config, side string) (in *instruments) {
	if !c.metrics {
		return nil
	}
	defer guard("create metrics")
	m := meterOf(c.meters)
	made := &instruments{options: map[series][]metric.RecordOption{}}
	var errs [4]error
	made.duration, errs[0] = m.Float64Histogram("http."+side+".request.duration",
		metric.WithUnit("s"), metric.WithDescription("Duration of HTTP "+side+" requests."),
		metric.WithExplicitBucketBoundaries(durationBounds...))
	made.request, errs[1] = m.Int64Histogram("http."+side+".request.body.size",
		metric.WithUnit("By"), metric.WithDescription("Size of HTTP "+side+" request bodies."))
	made.resp, errs[2] = m.Int64Histogram("http."+side+".response.body.size",
		metric.WithUnit("By"), metric.WithDescription("Size of HTTP "+side+" response bodies."))
	if side == "server" {
		made.malformed, errs[3] = m.Int64Counter("clew.trace.malformed_headers",
			metric.WithUnit("{request}"), metric.WithDescription("Requests whose trace headers were ignored, because they are malformed or too long."))
	}
	for _, err := range errs {
		if err != nil {
			report(err)
			return nil
		}
	}
	return made
}

func (in *instruments) record(ctx context.Context, k series, d time.Duration, request, resp int64) {
	defer guard("record metrics")
	o := in.option(k)
	in.duration.Record(ctx, d.Seconds(), o...)
	in.request.Record(ctx, request, o...)
	in.resp.Record(ctx, resp, o...)
}

// option returns the attributes of k in the form that costs the meter least.
func (in *instruments) option(k series) []metric.RecordOption {
	in.mu.RLock()
	o, ok := in.options[k]
	in.mu.RUnlock()
	if ok {
		return o
	}
	o = []metric.RecordOption{metric.WithAttributeSet(k.attributes())}
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.options) < maxSeries {
		in.options[k] = o
	}
	return o
}
