package requestlog

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/clewhq/clew/internal/spool"
)

const scopeName = "github.com/clewhq/clew/trace/requestlog"

// instruments are read from the spool's counters when somebody collects.
type instruments struct{ registration metric.Registration }

func newInstruments(mp metric.MeterProvider, w *spool.Writer) (*instruments, error) {
	if mp == nil {
		mp = otel.GetMeterProvider()
	}
	m := mp.Meter(scopeName)
	documents, err1 := m.Int64ObservableCounter("clew.requestlog.documents",
		metric.WithUnit("{document}"), metric.WithDescription("Requests whose document was taken."))
	dropped, err2 := m.Int64ObservableCounter("clew.requestlog.dropped",
		metric.WithUnit("{document}"), metric.WithDescription("Requests whose document was dropped, by reason."))
	crashed, err3 := m.Int64ObservableCounter("clew.requestlog.lost_in_crash",
		metric.WithUnit("{document}"), metric.WithDescription("Documents that were in memory only when the process before this one was killed."))
	size, err4 := m.Int64ObservableGauge("clew.requestlog.spool.size",
		metric.WithUnit("By"), metric.WithDescription("Size of the spool on disk."))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	reasons := map[spool.Drop]metric.MeasurementOption{}
	for _, d := range spool.Drops() {
		reasons[d] = metric.WithAttributeSet(attribute.NewSet(attribute.String("reason", d.String())))
	}
	r, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := w.Stats()
		o.ObserveInt64(documents, int64(s.Appended))
		for d, reason := range reasons {
			o.ObserveInt64(dropped, int64(s.Dropped[d]), reason)
		}
		o.ObserveInt64(crashed, int64(s.Recovered.Lost))
		o.ObserveInt64(size, s.Bytes)
		return nil
	}, documents, dropped, crashed, size)
	if err != nil {
		return nil, err
	}
	return &instruments{r}, nil
}

func (in *instruments) stop() {
	if in != nil {
		if err := in.registration.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}
