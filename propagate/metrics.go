package propagate

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Attributes of the metrics made here.
const (
	// AttrLostKind is a [LostKind]'s name.
	AttrLostKind = attribute.Key("clew.context.lost.kind")
	// AttrLostSite is the function in which a context went astray; bounded as
	// the sites of [Lost] are.
	AttrLostSite = attribute.Key("code.function.name")
	// AttrLoop is the name of a [Loop].
	AttrLoop = attribute.Key("clew.loop.name")
)

// RegisterMetrics reports what [Lost] counts to mp, as the counter
// clew.context.lost, until the Registration is undone.
func RegisterMetrics(mp metric.MeterProvider) (metric.Registration, error) {
	meter := mp.Meter(scopeName)
	counter, err := meter.Int64ObservableCounter("clew.context.lost",
		metric.WithUnit("{event}"),
		metric.WithDescription("Trace contexts that went astray, by kind and by the function where they did."))
	if err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		sums := map[attribute.Set]uint64{} // a function may have several sites
		for s := range Lost() {
			sums[attribute.NewSet(AttrLostKind.String(s.Kind.String()), AttrLostSite.String(s.Site.Function))] += s.Count
		}
		for set, n := range sums {
			o.ObserveInt64(counter, int64(n), metric.WithAttributeSet(set))
		}
		return nil
	}, counter)
}

// loopMeter records a loop's measurements; its zero value does not.
type loopMeter struct {
	waited    metric.Float64Histogram
	discarded metric.Int64Counter
	name      metric.MeasurementOption
}

func newLoopMeter(cfg LoopConfig) loopMeter {
	if cfg.MeterProvider == nil {
		return loopMeter{}
	}
	meter := cfg.MeterProvider.Meter(scopeName)
	waited, err := meter.Float64Histogram("clew.loop.lag",
		metric.WithUnit("s"),
		metric.WithDescription("Time the tasks of an event loop waited before they were begun."),
		metric.WithExplicitBucketBoundaries(1e-5, 1e-4, 1e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
	if err != nil {
		return loopMeter{}
	}
	discarded, err := meter.Int64Counter("clew.loop.discarded",
		metric.WithUnit("{task}"),
		metric.WithDescription("Tasks that an event loop did not run."))
	if err != nil {
		return loopMeter{}
	}
	return loopMeter{waited, discarded, metric.WithAttributeSet(attribute.NewSet(AttrLoop.String(cfg.Name)))}
}

func (m loopMeter) lag(d time.Duration) {
	if m.waited != nil {
		m.waited.Record(context.Background(), d.Seconds(), m.name)
	}
}

func (m loopMeter) discard(n int) {
	if m.discarded != nil {
		m.discarded.Add(context.Background(), int64(n), m.name)
	}
}
