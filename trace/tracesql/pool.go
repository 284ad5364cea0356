package tracesql

import (
	"context"
	"database/sql"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace"
)

// WatchPool records the metrics of db's pool until stop is called. [OpenDB] and [Open] do so for theirs.
// What it cannot record it tells OpenTelemetry's error handler.
func WatchPool(db *sql.DB, cfg Config, opts ...trace.Option) (stop func()) {
	return newDatabase(cfg.complete(db.Driver(), ""), opts).watch(db)
}

// poolMetrics are read from [sql.DBStats], where all but the first two only ever grow.
type poolMetrics struct {
	count, limit       metric.Int64ObservableUpDownCounter
	waits, closed      metric.Int64ObservableCounter
	waited             metric.Float64ObservableCounter
	pool, idle, used   metric.MeasurementOption
	byIdle, byTime, by metric.MeasurementOption
}

// watch records what the pool tells of itself.
func (d *database) watch(db *sql.DB) (stop func()) {
	m := d.operations.Meter()
	if m == nil {
		return func() {}
	}
	p := poolMetrics{pool: d.option()}
	p.idle = d.option(semconv.DBClientConnectionStateIdle)
	p.used = d.option(semconv.DBClientConnectionStateUsed)
	reason := attribute.Key("clew.db.client.connection.close_reason")
	p.byIdle, p.byTime, p.by = d.option(reason.String("max_idle")), d.option(reason.String("max_idle_time")), d.option(reason.String("max_lifetime"))
	var errs [5]error
	p.count, errs[0] = m.Int64ObservableUpDownCounter("db.client.connection.count", metric.WithUnit("{connection}"),
		metric.WithDescription("The number of connections that are currently in state described by the state attribute."))
	p.limit, errs[1] = m.Int64ObservableUpDownCounter("db.client.connection.max", metric.WithUnit("{connection}"),
		metric.WithDescription("The maximum number of open connections allowed."))
	p.waits, errs[2] = m.Int64ObservableCounter("clew.db.client.connection.waits", metric.WithUnit("{request}"),
		metric.WithDescription("Requests for a connection that had to wait for one to become free."))
	p.waited, errs[3] = m.Float64ObservableCounter("clew.db.client.connection.wait_time", metric.WithUnit("s"),
		metric.WithDescription("Time that requests have waited for a connection, all together."))
	p.closed, errs[4] = m.Int64ObservableCounter("clew.db.client.connection.closed", metric.WithUnit("{connection}"),
		metric.WithDescription("Connections that the pool's bounds have closed."))
	for _, err := range errs {
		if err != nil {
			otel.Handle(err)
			return func() {}
		}
	}
	registered, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		p.observe(o, db.Stats())
		return nil
	}, p.count, p.limit, p.waits, p.waited, p.closed)
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() {
		if err := registered.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}

func (d *database) option(kv ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(append(slices.Clip(d.pool), kv...)...))
}

func (p *poolMetrics) observe(o metric.Observer, s sql.DBStats) {
	o.ObserveInt64(p.count, int64(s.Idle), p.idle)
	o.ObserveInt64(p.count, int64(s.InUse), p.used)
	if s.MaxOpenConnections > 0 { // else there is no limit
		o.ObserveInt64(p.limit, int64(s.MaxOpenConnections), p.pool)
	}
	o.ObserveInt64(p.waits, s.WaitCount, p.pool)
	o.ObserveFloat64(p.waited, s.WaitDuration.Seconds(), p.pool)
	o.ObserveInt64(p.closed, s.MaxIdleClosed, p.byIdle)
	o.ObserveInt64(p.closed, s.MaxIdleTimeClosed, p.byTime)
	o.ObserveInt64(p.closed, s.MaxLifetimeClosed, p.by)
}
