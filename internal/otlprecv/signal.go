package otlprecv

import (
	"context"
	"slices"
	"strings"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// signal is one kind of telemetry that a [Receiver] takes.
type signal struct {
	request func() proto.Message
	export  func(context.Context, proto.Message) (proto.Message, error)
}

// signals are those that there is a sink for, by the name that paths and
// variables have.
func (r *Receiver) signals() map[string]signal {
	out := map[string]signal{}
	if r.sink != nil {
		out["traces"] = signal{
			func() proto.Message { return new(coltracepb.ExportTraceServiceRequest) },
			func(ctx context.Context, m proto.Message) (proto.Message, error) {
				return r.export(ctx, m.(*coltracepb.ExportTraceServiceRequest))
			},
		}
	}
	if r.opts.Metrics != nil {
		out["metrics"] = signal{
			func() proto.Message { return new(colmetricspb.ExportMetricsServiceRequest) },
			func(ctx context.Context, m proto.Message) (proto.Message, error) {
				return r.exportMetrics(ctx, m.(*colmetricspb.ExportMetricsServiceRequest))
			},
		}
	}
	return out
}

// wanted is the signal to name to a sender that has lost its way.
func (r *Receiver) wanted() string {
	if r.sink != nil {
		return "traces"
	}
	return "metrics"
}

// notTaken tells the sender of another signal what to do.
func (r *Receiver) notTaken(name string) string {
	return "this receiver takes " + r.wanted() + " only: set OTEL_" + strings.ToUpper(name) + "_EXPORTER=none or send them elsewhere"
}

func (r *Receiver) exportMetrics(ctx context.Context, req *colmetricspb.ExportMetricsServiceRequest) (*colmetricspb.ExportMetricsServiceResponse, error) {
	if len(req.GetResourceMetrics()) > 0 {
		if err := r.opts.Metrics(ctx, req.ResourceMetrics); err != nil {
			return nil, err
		}
	}
	r.requests.Add(1)
	return &colmetricspb.ExportMetricsServiceResponse{}, nil
}

// unhexExemplars is unhex for the ids in metrics. One that is no hex names no
// trace, and is left out.
func unhexExemplars(rms []*metricspb.ResourceMetrics) {
	for _, rm := range rms {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				for _, e := range exemplars(m) {
					e.TraceId, e.SpanId = idOr(e.GetTraceId(), 16), idOr(e.GetSpanId(), 8)
				}
			}
		}
	}
}

func idOr(b []byte, size int) []byte {
	if id := hexBytes(b); len(id) == size {
		return id
	}
	return nil
}

// exemplars are those of all points of a metric.
func exemplars(m *metricspb.Metric) (all []*metricspb.Exemplar) {
	for _, p := range append(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()...) {
		all = append(all, p.GetExemplars()...)
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		all = append(all, p.GetExemplars()...)
	}
	for _, p := range m.GetExponentialHistogram().GetDataPoints() {
		all = append(all, p.GetExemplars()...)
	}
	// JSON may say null.
	return slices.DeleteFunc(all, func(e *metricspb.Exemplar) bool { return e == nil })
}
