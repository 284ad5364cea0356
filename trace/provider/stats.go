package provider

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace/tail"
)

// Stats counts what has become of the spans that were to be sent, since [New]. Those that are neither
// delivered nor dropped nor failed nor rejected are on their way.
type Stats struct {
	Ended     uint64 // spans that ended before Shutdown
	Delivered uint64 // taken by the receiver
	Dropped   uint64 // for want of room
	Failed    uint64 // in requests that the receiver did not take
	Rejected  uint64 // turned away by the receiver in requests that it took
	Late      uint64 // ended after Shutdown, and lost
	Bytes     int64  // memory that finished spans occupy now
}

// Stats returns the counts of now.
func (p *Provider) Stats() Stats {
	c := p.set.Counts()
	return Stats{
		Ended: c.Ended, Dropped: c.Dropped, Late: c.Late, Bytes: p.set.Used(),
		Delivered: p.sender.delivered.Load(), Failed: p.sender.failed.Load(), Rejected: p.sender.rejected.Load(),
	}
}

// TailStats counts what has become of traces that were not sampled; all zeros without [WithTail].
func (p *Provider) TailStats() tail.Stats {
	if p.tail == nil {
		return tail.Stats{}
	}
	return tail.Stats(p.tail.traces.Stats())
}

// Observe exports [Provider.Stats] through mp, under the names that OpenTelemetry has for them:
// otel.sdk.processor.span.processed, with error.type queue_full for spans that were dropped, and
// otel.sdk.exporter.span.exported, with error.type rejected or _OTHER for those that were not taken.
func (p *Provider) Observe(mp metric.MeterProvider) error {
	m := mp.Meter("github.com/clewhq/clew/trace/provider")
	processed, err := m.Int64ObservableCounter("otel.sdk.processor.span.processed", metric.WithUnit("{span}"),
		metric.WithDescription("The number of spans for which the processing has finished, either successful or failed."))
	if err != nil {
		return err
	}
	exported, err := m.Int64ObservableCounter("otel.sdk.exporter.span.exported", metric.WithUnit("{span}"),
		metric.WithDescription("The number of spans for which the export has finished, either successful or failed."))
	if err != nil {
		return err
	}
	with := func(component, failure string) metric.ObserveOption {
		kv := []attribute.KeyValue{semconv.OTelComponentTypeKey.String(component), semconv.OTelComponentName(component + "/clew")}
		if failure != "" {
			kv = append(kv, semconv.ErrorTypeKey.String(failure))
		}
		return metric.WithAttributeSet(attribute.NewSet(kv...))
	}
	const processor = "batching_span_processor"
	fine, full := with(processor, ""), with(processor, "queue_full")
	sent, rejected, failed := with(p.system, ""), with(p.system, "rejected"), with(p.system, "_OTHER")
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := p.Stats()
		o.ObserveInt64(processed, int64(s.Delivered+s.Rejected+s.Failed), fine)
		o.ObserveInt64(processed, int64(s.Dropped), full)
		o.ObserveInt64(exported, int64(s.Delivered), sent)
		o.ObserveInt64(exported, int64(s.Rejected), rejected)
		o.ObserveInt64(exported, int64(s.Failed), failed)
		return nil
	}, processed, exported)
	return err
}
