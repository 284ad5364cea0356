package setup

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace/tail"
)

// Option changes what [Init] sets up, where there is no standard variable for it. The functions of
// this package that begin with With are the only ones.
type Option interface{ apply(*config) error }

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

// WithTail keeps, of what the sampler turns down, the traces that fail or are slow; see package
// trace/tail. What became of them is the metric clew.tail.traces, by clew.tail.outcome: kept, capped or
// evicted, and clew.tail.cut_spans.
func WithTail(cfg tail.Config) Option {
	return option(func(c *config) error {
		c.tail = &cfg
		return cfg.Check()
	})
}

// WithSpanProcessor lets p see every span before it is exported, such as that of package trace/profile.
// It may change spans at their start. It is shut down with the rest.
func WithSpanProcessor(p sdktrace.SpanProcessor) Option {
	return option(func(c *config) error {
		if p == nil {
			return errors.New("WithSpanProcessor: the processor is nil")
		}
		c.processors = append(c.processors, p)
		return nil
	})
}

// observeTail exports what the tail has counted.
func (p providers) observeTail(stats func() tail.Stats) error {
	m := p.meter.Meter("github.com/clewhq/clew/trace/tail")
	traces, err := m.Int64ObservableCounter("clew.tail.traces", metric.WithUnit("{trace}"),
		metric.WithDescription("Traces that were not sampled and failed or were slow, or were not decided on."))
	if err != nil {
		return err
	}
	cut, err := m.Int64ObservableCounter("clew.tail.cut_spans", metric.WithUnit("{span}"),
		metric.WithDescription("Spans missing from traces that were kept, because a trace may hold only so many."))
	if err != nil {
		return err
	}
	outcome := func(v string) metric.ObserveOption {
		return metric.WithAttributes(attribute.String("clew.tail.outcome", v))
	}
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := stats()
		o.ObserveInt64(traces, int64(s.Kept), outcome("kept"))
		o.ObserveInt64(traces, int64(s.Capped), outcome("capped"))
		o.ObserveInt64(traces, int64(s.Evicted), outcome("evicted"))
		o.ObserveInt64(cut, int64(s.Cut))
		return nil
	}, traces, cut)
	return err
}
