// Package telemetry makes OpenTelemetry metrics and spans of reports.
package telemetry

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/ebpfprobe/report"
)

const scope = "github.com/clewhq/clew/ebpfprobe"

// The attributes that the semantic conventions have no name for.
const (
	phaseKey = attribute.Key("redisprobe.phase") // wait, service, or a part of service
	causeKey = attribute.Key("redisprobe.cause") // what held the event loop
)

// Producer is a metric.Producer of the OpenTelemetry SDK that offers the newest
// report, cumulatively. The names of commands in its attributes are bounded by
// [report.Names].
type Producer struct {
	newest func() (*report.Report, error)
	names  report.Names
}

// NewProducer returns a producer that asks newest for the cumulative report
// whenever metrics are read, from several goroutines if need be.
func NewProducer(newest func() (*report.Report, error)) *Producer { return &Producer{newest: newest} }

// Produce returns the metrics of the newest report.
func (p *Producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	r, err := p.newest()
	if err != nil {
		return nil, err
	}
	at := span{r.Start, r.Start.Add(time.Duration(r.DurationSeconds * float64(time.Second)))}
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: scope}, Metrics: p.metrics(r, at)}}, nil
}

// span is the time that a data point is of.
type span struct{ from, to time.Time }

func (p *Producer) metrics(r *report.Report, at span) []metricdata.Metrics {
	duration := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
	failures, waited := counter[int64](), counter[int64]()
	waiting := counter[float64]()
	for i := range r.Servers {
		s := &r.Servers[i]
		server := serverAttributes(s)
		with := func(more ...attribute.KeyValue) attribute.Set {
			return attribute.NewSet(append(slices.Clip(server), more...)...)
		}
		commands := p.names.Commands(s.Commands)
		for k := range commands {
			c := &commands[k]
			name := semconv.DBOperationName(c.Name)
			for phase, d := range c.Phases.All() {
				duration.DataPoints = append(duration.DataPoints, seconds(d, with(name, phaseKey.String(phase)), at))
			}
			failures.DataPoints = append(failures.DataPoints, point(int64(c.Errors), with(name), at))
		}
		for label, b := range p.names.Blame(s.Blame) {
			set := with(causeKey.String(string(label.Cause)))
			if label.Cause == report.CauseCommand {
				set = with(causeKey.String(string(label.Cause)), semconv.DBOperationName(label.By))
			}
			waited.DataPoints = append(waited.DataPoints, point(int64(b.Waited), set, at))
			waiting.DataPoints = append(waiting.DataPoints, point(float64(b.WaitNS)/1e9, set, at))
		}
	}
	lost := counter[int64]()
	lost.DataPoints = append(lost.DataPoints, point(int64(r.LostEvents), *attribute.EmptySet(), at))
	return []metricdata.Metrics{
		{Name: "redisprobe.request.duration", Unit: "s", Description: "Time of requests by phase: wait is from the arrival in the socket to the reading, service from there to the reply.", Data: duration},
		{Name: "redisprobe.request.errors", Unit: "{request}", Description: "Requests that were answered by an error.", Data: failures},
		{Name: "redisprobe.blame.requests", Unit: "{request}", Description: "Requests that waited, by what held the event loop.", Data: waited},
		{Name: "redisprobe.blame.wait", Unit: "s", Description: "Time that requests waited, by what held the event loop.", Data: waiting},
		{Name: "redisprobe.events.lost", Unit: "{event}", Description: "Events that the kernel could not hand over.", Data: lost},
	}
}

func counter[N int64 | float64]() metricdata.Sum[N] {
	return metricdata.Sum[N]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
}

func point[N int64 | float64](n N, set attribute.Set, at span) metricdata.DataPoint[N] {
	return metricdata.DataPoint[N]{Attributes: set, StartTime: at.from, Time: at.to, Value: n}
}

func seconds(d *report.Durations, set attribute.Set, at span) metricdata.HistogramDataPoint[float64] {
	bounds, below := d.Powers()
	h := metricdata.HistogramDataPoint[float64]{
		Attributes: set, StartTime: at.from, Time: at.to, Count: d.Count, Sum: float64(d.Sum) / 1e9,
	}
	if d.Count > 0 {
		h.Max = metricdata.NewExtrema(float64(d.Max) / 1e9)
	}
	var before uint64
	for i, b := range bounds {
		h.Bounds = append(h.Bounds, float64(b)/1e9)
		h.BucketCounts = append(h.BucketCounts, below[i]-before)
		before = below[i]
	}
	h.BucketCounts = append(h.BucketCounts, d.Count-before)
	return h
}

func serverAttributes(s *report.Server) []attribute.KeyValue {
	attributes := []attribute.KeyValue{semconv.DBSystemNameRedis, semconv.ProcessPID(s.PID), semconv.ProcessExecutableName(s.Name)}
	if s.Port > 0 {
		attributes = append(attributes, semconv.ServerPort(s.Port))
	}
	if s.Container != "" {
		attributes = append(attributes, semconv.ContainerID(s.Container))
	}
	return attributes
}
