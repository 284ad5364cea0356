package setup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// delivery is a batch processor in front of an exporter that keeps count of spans, because the SDK's
// own Shutdown answers nil when spans were dropped or refused on the way.
type delivery struct {
	sdktrace.SpanProcessor // the SDK's batches
	name                   string
	exporter               sdktrace.SpanExporter
	abort                  context.Context // done when the exporter is to give up
	cancel                 context.CancelFunc
	ended                  atomic.Int64
	delivered              atomic.Int64
	mu                     sync.Mutex
	last                   error // why the last batch failed
}

func newDelivery(name string, exporter sdktrace.SpanExporter) *delivery {
	d := &delivery{name: name, exporter: exporter}
	d.abort, d.cancel = context.WithCancel(context.Background())
	d.SpanProcessor = sdktrace.NewBatchSpanProcessor(exportFunc{d})
	return d
}

// OnEnd implements [sdktrace.SpanProcessor].
func (d *delivery) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		d.ended.Add(1)
	}
	d.SpanProcessor.OnEnd(s)
}

// close sends what is left, as long as ctx allows, and tells what has not been delivered since the
// start.
func (d *delivery) close(ctx context.Context) error {
	err := d.Shutdown(ctx)
	d.cancel() // when ctx is done before the exporter is, it would retry for a minute
	ended := d.ended.Load()
	lost := ended - d.delivered.Load()
	if lost <= 0 {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	why := errors.Join(d.last, err)
	if why == nil {
		why = errQueueFull
	}
	return fmt.Errorf("%d of %d spans not delivered to %s: %w", lost, ended, d.name, why)
}

var errQueueFull = errors.New("dropped because the queue was full, see OTEL_BSP_MAX_QUEUE_SIZE")

// exportFunc is the exporter as the batches see it.
type exportFunc struct{ d *delivery }

// ExportSpans implements [sdktrace.SpanExporter].
func (f exportFunc) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.d.abort, cancel)()
	err := f.d.exporter.ExportSpans(ctx, spans)
	f.d.note(len(spans), err)
	return err
}

// Shutdown implements [sdktrace.SpanExporter].
func (f exportFunc) Shutdown(ctx context.Context) error { return f.d.exporter.Shutdown(ctx) }

func (d *delivery) note(spans int, err error) {
	lost := 0
	if err != nil {
		if lost = rejected(err); lost < 0 {
			lost = spans
		}
	}
	d.delivered.Add(int64(spans - lost))
	if lost > 0 {
		d.mu.Lock()
		d.last = err
		d.mu.Unlock()
	}
}

// partial finds how many spans a receiver turned away of a batch that it took otherwise. The
// exporters' type for it is internal to each of them, so its words have to do.
var partial = regexp.MustCompile(`OTLP partial success: .*\((\d+) spans rejected\)`)

// rejected returns the number of spans that err says were turned away, or -1 if the batch failed.
func rejected(err error) int {
	m := partial.FindStringSubmatch(err.Error())
	if m == nil {
		return -1
	}
	n, convErr := strconv.Atoi(m[1])
	if convErr != nil {
		return -1
	}
	return n
}

// deliveries are all that spans go to; as one processor they work at a time, so that one collector
// that hangs does not take the others' time.
type deliveries []*delivery

// OnStart implements [sdktrace.SpanProcessor].
func (ds deliveries) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	for _, d := range ds {
		d.OnStart(ctx, s)
	}
}

// OnEnd implements [sdktrace.SpanProcessor].
func (ds deliveries) OnEnd(s sdktrace.ReadOnlySpan) {
	for _, d := range ds {
		d.OnEnd(s)
	}
}

// ForceFlush implements [sdktrace.SpanProcessor].
func (ds deliveries) ForceFlush(ctx context.Context) error {
	return ds.each(func(d *delivery) error { return d.ForceFlush(ctx) })
}

// Shutdown implements [sdktrace.SpanProcessor]. After close it does nothing.
func (ds deliveries) Shutdown(ctx context.Context) error {
	return ds.each(func(d *delivery) error { return d.Shutdown(ctx) })
}

func (ds deliveries) close(ctx context.Context) error {
	return ds.each(func(d *delivery) error { return d.close(ctx) })
}

func (ds deliveries) each(f func(*delivery) error) error {
	errs := make([]error, len(ds))
	var all sync.WaitGroup
	for i, d := range ds {
		all.Go(func() { errs[i] = f(d) })
	}
	all.Wait()
	return errors.Join(errs...)
}
