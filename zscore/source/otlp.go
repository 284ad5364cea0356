package source

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/otlptranslator"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/clewhq/clew/internal/otlprecv"
)

// OTLP is an [Input] that OpenTelemetry SDKs and collectors send metrics to, by
// OTLP over HTTP and gRPC.
//
// Series get the names that Prometheus would give them: http.server.request.duration
// in seconds is http_server_request_duration_seconds, a counter ends in _total, and
// of the resource come job, from the service's namespace and name, and instance,
// from its id. A histogram is one series.
type OTLP struct {
	// HTTPAddr and GRPCAddr are host:port, by default 127.0.0.1:4318 and
	// 127.0.0.1:4317; "off" is not at all.
	HTTPAddr, GRPCAddr string
	// Listening is told both addresses once they are listened at. It may be nil.
	Listening func(httpAddr, grpcAddr string)
}

// Name implements [Input].
func (o *OTLP) Name() string {
	or := func(addr, usual string) string {
		if addr == "" {
			return usual
		}
		return addr
	}
	return "otlp " + or(o.HTTPAddr, "127.0.0.1:4318") + " and " + or(o.GRPCAddr, "127.0.0.1:4317")
}

// Run implements [Input].
func (o *OTLP) Run(ctx context.Context, sink Sink) error {
	name := o.Name()
	r, err := otlprecv.Listen(nil, otlprecv.Options{
		HTTPAddr: o.HTTPAddr, GRPCAddr: o.GRPCAddr,
		Metrics: func(ctx context.Context, rms []*metricspb.ResourceMetrics) error {
			if samples := ofOTLP(rms); len(samples) > 0 {
				return sink(ctx, Batch{Input: name, Samples: samples})
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	if o.Listening != nil {
		o.Listening(r.HTTPAddr(), r.GRPCAddr())
	}
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := r.Close(grace); err != nil && grace.Err() == nil {
		return fmt.Errorf("end the OTLP receiver: %w", err)
	}
	return nil
}

func ofOTLP(rms []*metricspb.ResourceMetrics) []Sample {
	c := converter{}
	for _, rm := range rms {
		c.resource = resourceLabels(rm.GetResource().GetAttributes())
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				c.metric(m)
			}
		}
	}
	return c.samples
}

// resourceLabels are what Prometheus takes of a resource.
func resourceLabels(attrs []*commonpb.KeyValue) []Label {
	var namespace, service, id string
	for _, a := range attrs {
		switch a.GetKey() {
		case "service.namespace":
			namespace = attrText(a.GetValue())
		case "service.name":
			service = attrText(a.GetValue())
		case "service.instance.id":
			id = attrText(a.GetValue())
		}
	}
	if namespace != "" && service != "" {
		service = namespace + "/" + service
	}
	return []Label{{"job", service}, {"instance", id}}
}

// converter gathers the samples of a request.
type converter struct {
	samples  []Sample
	resource []Label
	name     string
}

var (
	metricNamer = otlptranslator.MetricNamer{WithMetricSuffixes: true}
	labelNamer  = otlptranslator.LabelNamer{}
)

func (c *converter) metric(m *metricspb.Metric) {
	kind, typ := otlptranslator.MetricType(otlptranslator.MetricTypeGauge), Gauge
	switch {
	case m.GetSum() != nil && m.GetSum().GetAggregationTemporality() == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA:
		kind, typ = otlptranslator.MetricTypeMonotonicCounter, Delta
		if !m.GetSum().GetIsMonotonic() {
			kind = otlptranslator.MetricTypeNonMonotonicCounter
		}
	case m.GetSum().GetIsMonotonic():
		kind, typ = otlptranslator.MetricTypeMonotonicCounter, Counter
	case m.GetSum() != nil:
		kind = otlptranslator.MetricTypeNonMonotonicCounter
	case m.GetHistogram() != nil:
		kind = otlptranslator.MetricTypeHistogram
	case m.GetExponentialHistogram() != nil:
		kind = otlptranslator.MetricTypeExponentialHistogram
	case m.GetSummary() != nil:
		kind = otlptranslator.MetricTypeSummary
	}
	name, err := metricNamer.Build(otlptranslator.Metric{Name: m.GetName(), Unit: m.GetUnit(), Type: kind})
	if err != nil {
		return // a metric without a name is no series
	}
	c.name = name
	for _, p := range m.GetGauge().GetDataPoints() {
		c.number(p, typ)
	}
	for _, p := range m.GetSum().GetDataPoints() {
		c.number(p, typ)
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		c.histogram(p, temporality(m.GetHistogram().GetAggregationTemporality()))
	}
	for _, p := range m.GetExponentialHistogram().GetDataPoints() {
		c.exponential(p, temporality(m.GetExponentialHistogram().GetAggregationTemporality()))
	}
	for _, p := range m.GetSummary().GetDataPoints() {
		c.summary(p)
	}
}

func temporality(t metricspb.AggregationTemporality) Type {
	if t == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA {
		return Delta
	}
	return Counter
}

// dataPoint is what all kinds of data point have.
type dataPoint interface {
	GetAttributes() []*commonpb.KeyValue
	GetStartTimeUnixNano() uint64
	GetTimeUnixNano() uint64
	GetFlags() uint32
}

func (c *converter) sample(p dataPoint, suffix string, typ Type, more ...Label) Sample {
	labels := make([]Label, 0, len(p.GetAttributes())+len(c.resource)+1+len(more))
	for _, a := range p.GetAttributes() {
		if name, err := labelNamer.Build(a.GetKey()); err == nil {
			labels = append(labels, Label{name, attrText(a.GetValue())})
		}
	}
	labels = append(append(append(labels, c.resource...), Label{NameLabel, c.name + suffix}), more...)
	return Sample{
		Labels: NewLabels(labels...), Time: nanos(p.GetTimeUnixNano()), Start: nanos(p.GetStartTimeUnixNano()),
		Value: none, Type: typ, Stale: p.GetFlags()&uint32(metricspb.DataPointFlags_DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK) != 0,
	}
}

// add keeps a sample. One without a time has no place in a series.
func (c *converter) add(s Sample) {
	if !s.Time.IsZero() {
		c.samples = append(c.samples, s)
	}
}

func (c *converter) number(p *metricspb.NumberDataPoint, typ Type) {
	s := c.sample(p, "", typ)
	s.Exemplars = ofExemplars(p.GetExemplars())
	if v, ok := p.GetValue().(*metricspb.NumberDataPoint_AsInt); ok {
		s.Value = float64(v.AsInt)
	} else {
		s.Value = p.GetAsDouble()
	}
	c.add(s)
}

func (c *converter) histogram(p *metricspb.HistogramDataPoint, typ Type) {
	s := c.sample(p, "", typ)
	s.Exemplars = ofExemplars(p.GetExemplars())
	h := &Histogram{Count: float64(p.GetCount()), Sum: none}
	if p.Sum != nil {
		h.Sum = p.GetSum()
	}
	counts, bounds := p.GetBucketCounts(), p.GetExplicitBounds()
	if len(counts) == len(bounds)+1 {
		lower := math.Inf(-1)
		for i, n := range counts {
			upper := math.Inf(1)
			if i < len(bounds) {
				upper = bounds[i]
			}
			if !(upper > lower) {
				h.Buckets = nil // bounds that do not rise mean nothing
				break
			}
			h.Buckets = append(h.Buckets, Bucket{lower, upper, float64(n)})
			lower = upper
		}
	}
	s.Histogram = h
	c.add(s)
}

func (c *converter) exponential(p *metricspb.ExponentialHistogramDataPoint, typ Type) {
	s := c.sample(p, "", typ)
	s.Exemplars = ofExemplars(p.GetExemplars())
	h := &Histogram{Count: float64(p.GetCount()), Sum: none, Exponential: true}
	if p.Sum != nil {
		h.Sum = p.GetSum()
	}
	negative := p.GetNegative().GetBucketCounts()
	for i, n := range slices.Backward(negative) {
		lower, upper := bounds(p.GetScale(), p.GetNegative().GetOffset(), i)
		h.bucket(-upper, -lower, n)
	}
	h.bucket(-p.GetZeroThreshold(), p.GetZeroThreshold(), p.GetZeroCount())
	for i, n := range p.GetPositive().GetBucketCounts() {
		lower, upper := bounds(p.GetScale(), p.GetPositive().GetOffset(), i)
		h.bucket(lower, upper, n)
	}
	s.Histogram = h
	c.add(s)
}

// bounds of bucket i of an exponential histogram: powers of 2 to the 2 to the
// minus scale.
func bounds(scale, offset int32, i int) (lower, upper float64) {
	width := math.Exp2(-float64(scale))
	at := float64(offset) + float64(i)
	return math.Exp2(at * width), math.Exp2((at + 1) * width)
}

// bucket appends one that holds anything.
func (h *Histogram) bucket(lower, upper float64, n uint64) {
	if n > 0 {
		h.Buckets = append(h.Buckets, Bucket{lower, upper, float64(n)})
	}
}

func (c *converter) summary(p *metricspb.SummaryDataPoint) {
	for _, q := range p.GetQuantileValues() {
		s := c.sample(p, "", Gauge, Label{"quantile", fmt.Sprint(q.GetQuantile())})
		s.Value, s.Start = q.GetValue(), time.Time{}
		c.add(s)
	}
	sum, count := c.sample(p, "_sum", Counter), c.sample(p, "_count", Counter)
	sum.Value, count.Value = p.GetSum(), float64(p.GetCount())
	c.add(sum)
	c.add(count)
}

func ofExemplars(es []*metricspb.Exemplar) []Exemplar {
	var out []Exemplar
	for _, e := range es[:min(len(es), maxExemplars)] {
		one := Exemplar{TraceID: hex.EncodeToString(e.GetTraceId()), SpanID: hex.EncodeToString(e.GetSpanId()), Time: nanos(e.GetTimeUnixNano()), Value: e.GetAsDouble()}
		if v, ok := e.GetValue().(*metricspb.Exemplar_AsInt); ok {
			one.Value = float64(v.AsInt)
		}
		var labels []Label
		for _, a := range e.GetFilteredAttributes() {
			labels = append(labels, Label{a.GetKey(), attrText(a.GetValue())})
		}
		one.Labels = NewLabels(labels...)
		out = append(out, one)
	}
	return out
}

func nanos(n uint64) time.Time {
	if n == 0 || n > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, int64(n))
}

// attrText is an attribute's value as a label has it. A list or a map has none.
func attrText(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	}
	return ""
}
