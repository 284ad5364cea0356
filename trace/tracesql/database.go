package tracesql

import (
	"context"
	"database/sql/driver"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/sqltext"
)

// database is what the connections of one connector share.
type database struct {
	cfg        Config
	dialect    sqltext.Dialect
	operations *trace.Door
	connects   *trace.Door // db.client.connection.create_time
	resets     *trace.Door // without a metric: not an operation
	series     []attribute.KeyValue
	pool       []attribute.KeyValue
	skipping   atomic.Int32 // whether the driver declines to take arguments, see [conn.direct]

	mu        sync.RWMutex
	queries   map[string]*query
	summaries map[string]struct{}
}

const (
	// maxQueries bounds how many queries are remembered, and maxQueryLength how long they are: 1 MiB in
	// all. A program whose queries are more than that builds them of data.
	maxQueries     = 1024
	maxQueryLength = 1 << 10
	// maxSummaries bounds the time series that queries can make.
	maxSummaries = 256
	// maxText bounds db.query.text, in bytes.
	maxText = 2 << 10
)

func newDatabase(cfg Config, opts []trace.Option) *database {
	return &database{
		cfg: cfg, dialect: dialectOf(cfg.System),
		operations: trace.NewDoor("db.client.operation.duration", opts...),
		connects:   trace.NewDoor("db.client.connection.create_time", opts...),
		resets:     trace.NewDoor("", opts...),
		series:     cfg.attributes(),
		pool:       []attribute.KeyValue{semconv.DBClientConnectionPoolName(cfg.PoolName)},
		queries:    map[string]*query{}, summaries: map[string]struct{}{},
	}
}

// query is what is recorded of a text.
type query struct {
	name       string // of the span
	series     []attribute.KeyValue
	attributes []attribute.KeyValue
	summary    []attribute.KeyValue // of what is done with it but running it
}

// query reads a text, or remembers it.
func (d *database) query(text string) *query {
	d.mu.RLock()
	q := d.queries[text]
	d.mu.RUnlock()
	if q != nil {
		return q
	}
	sum := sqltext.Summarize(text, d.dialect)
	q = &query{name: sum.Text, series: slices.Clone(d.series)}
	if q.name == "" {
		q.name = d.cfg.System
	}
	if sum.Operation != "" {
		q.series = append(q.series, semconv.DBOperationName(sum.Operation))
	}
	if d.cfg.QueryText {
		q.attributes = append(q.attributes, semconv.DBQueryText(sqltext.Sanitize(text, d.dialect, maxText)))
	}
	if sum.Text != "" {
		q.summary = []attribute.KeyValue{semconv.DBQuerySummary(sum.Text)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.mayCount(sum.Text) {
		q.series = append(q.series, q.summary...)
	} else {
		q.attributes = append(q.attributes, q.summary...)
	}
	if len(d.queries) < maxQueries && len(text) <= maxQueryLength {
		d.queries[text] = q
	}
	return q
}

// mayCount reports whether there is a time series for the summary.
func (d *database) mayCount(summary string) bool {
	if summary == "" {
		return false
	}
	if _, ok := d.summaries[summary]; !ok {
		if len(d.summaries) == maxSummaries {
			return false
		}
		d.summaries[summary] = struct{}{}
	}
	return true
}

// run begins the passage of a query that is run; start is zero for now.
func (d *database) run(ctx context.Context, text string, start time.Time) (context.Context, *trace.Passage) {
	q := d.query(text)
	return d.operations.Begin(ctx, trace.Request{
		Name: q.name, Kind: oteltrace.SpanKindClient, Series: q.series, Attributes: q.attributes, Start: start,
	})
}

// prepare begins the passage of a query that is prepared.
func (d *database) prepare(ctx context.Context, text string) (context.Context, *trace.Passage) {
	q := d.query(text)
	name := "PREPARE"
	if len(q.summary) > 0 {
		name += " " + q.name
	}
	r := trace.Request{
		Name: name, Kind: oteltrace.SpanKindClient,
		Series:     d.named("PREPARE"),
		Attributes: q.summary,
	}
	if d.cfg.QueryText {
		r.Attributes = append(slices.Clip(q.attributes), q.summary...)
	}
	return d.operations.Begin(ctx, r)
}

// operate begins the passage of an operation that has no text.
func (d *database) operate(ctx context.Context, operation string) (context.Context, *trace.Passage) {
	return d.operations.Begin(ctx, trace.Request{Name: operation, Kind: oteltrace.SpanKindClient, Series: d.named(operation)})
}

func (d *database) named(operation string) []attribute.KeyValue {
	return append(slices.Clip(d.series), semconv.DBOperationName(operation))
}

// upkeep does f, what a pool does with its connections for itself. It has a span only as a part of a
// trace: on its own, nobody has asked for it.
func (d *database) upkeep(ctx context.Context, door *trace.Door, r trace.Request, f func(context.Context) error) error {
	if d.cfg.WithoutUpkeep || !oteltrace.SpanContextFromContext(ctx).IsValid() && propagate.Current().IsZero() {
		start := time.Now()
		err := f(ctx)
		door.Record(ctx, start, append(slices.Clip(r.Series), d.describe(err).series()...))
		return err
	}
	r.Kind = oteltrace.SpanKindClient
	ctx, p := door.Begin(ctx, r)
	defer p.EndOnPanic()
	err := f(ctx)
	d.fail(p, err)
	return err
}

func (d *database) ping(ctx context.Context, ping func(context.Context) error) error {
	return d.upkeep(ctx, d.operations, trace.Request{Name: "PING", Series: d.named("PING")}, ping)
}

func (d *database) reset(ctx context.Context, reset func(context.Context) error) error {
	return d.upkeep(ctx, d.resets, trace.Request{Name: "RESET", Attributes: d.named("RESET")}, reset)
}

// connect makes a connection.
func (d *database) connect(ctx context.Context, dial func(context.Context) (driver.Conn, error)) (c driver.Conn, err error) {
	r := trace.Request{Name: "CONNECT", Series: d.pool, Attributes: d.named("CONNECT")}
	err = d.upkeep(ctx, d.connects, r, func(ctx context.Context) (err error) {
		propagate.Background(func() { c, err = dial(ctx) })
		return err
	})
	if err != nil || c == nil {
		return nil, err
	}
	return newConn(c, d), nil
}
