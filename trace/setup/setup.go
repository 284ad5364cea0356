package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/trace/pinpoint"
	"github.com/clewhq/clew/trace/provider"
	"github.com/clewhq/clew/trace/tail"
)

// Init sets OpenTelemetry's global tracer provider, meter provider and propagator to what the OTEL_*
// variables ask for; see the package comment. It connects to nothing: a collector that is away now
// is tried when there is something to send.
//
// When a variable or an option cannot be right, the error names it, names all such, and nothing has been set.
//
// shutdown sends what is left and stops; spans ended later are lost. It gives up when its context is
// done, and returns an error that counts the spans that were not delivered since Init, whatever the
// reason: refused, dropped from a full queue, or not sent in time. It works once; calls after that
// wait for the first and return what it did. The globals stay. It is never nil.
//
// Failures to export are reported to OpenTelemetry's error handler as they happen, which logs them
// to stderr unless the program has set another.
func Init(ctx context.Context, opts ...Option) (shutdown func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	c, err := read(os.Getenv)
	for _, o := range opts {
		if o != nil {
			err = errors.Join(err, o.apply(&c))
		}
	}
	err = errors.Join(err, c.checkFast())
	if err != nil {
		return nothing, fmt.Errorf("set up telemetry: %w", err)
	}
	p, err := build(ctx, c)
	if err != nil {
		return nothing, fmt.Errorf("set up telemetry: %w", err)
	}
	otel.SetTextMapPropagator(c.propagator)
	if p.fast != nil {
		otel.SetTracerProvider(p.fast)
	} else if p.tracer != nil {
		otel.SetTracerProvider(p.tracer)
	}
	if p.meter != nil {
		otel.SetMeterProvider(p.meter)
	}
	return p.shutdownOnce(), nil
}

// providers are nil where nothing is to be exported: the API then does nothing, at no cost.
type providers struct {
	fast       *provider.Provider       // in place of tracer, deliveries and tail
	starters   []sdktrace.SpanProcessor // of fast
	tracer     *sdktrace.TracerProvider
	deliveries deliveries
	tail       *tail.Tail // nil: not wanted
	meter      *sdkmetric.MeterProvider
}

func build(ctx context.Context, c config) (p providers, err error) {
	if c.disabled || len(c.traces)+len(c.metrics) == 0 {
		return p, nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.shutdown(ctx))
		}
	}()
	res, err := describeProcess(ctx)
	if err != nil {
		return p, err
	}
	switch {
	case len(c.traces) == 0:
	case c.fast != nil:
		p.fast, err = c.newFast(res)
		p.starters = c.processors
	default:
		err = p.startSDK(ctx, c, res)
	}
	if err != nil {
		return p, err
	}
	if len(c.metrics) > 0 {
		opts := []sdkmetric.Option{sdkmetric.WithResource(res)}
		for _, name := range c.metrics {
			exporter, err := c.metricExporter(ctx, name)
			if err != nil {
				return p, fmt.Errorf("metric exporter %s: %w", name, err)
			}
			opts = append(opts, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
		}
		p.meter = sdkmetric.NewMeterProvider(opts...)
		if err := p.observe(c); err != nil {
			return p, err
		}
	}
	return p, nil
}

// startSDK makes a tracer provider of the SDK's, which takes the sampler and the limits from the
// variables.
func (p *providers) startSDK(ctx context.Context, c config, res *resource.Resource) error {
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
	if c.pinpoint {
		opts = append(opts, sdktrace.WithIDGenerator(pinpoint.IDGenerator(nil)))
	}
	for _, sp := range c.processors {
		opts = append(opts, sdktrace.WithSpanProcessor(sp))
	}
	for _, name := range c.traces {
		exporter, err := c.spanExporter(ctx, name)
		if err != nil {
			return fmt.Errorf("trace exporter %s: %w", name, err)
		}
		p.deliveries = append(p.deliveries, newDelivery(name, exporter))
	}
	if c.tail != nil {
		p.tail = tail.New(*c.tail, p.deliveries)
		opts = append(opts, sdktrace.WithSampler(p.tail.Sampler(c.sampler)), sdktrace.WithSpanProcessor(p.tail))
	} else {
		opts = append(opts, sdktrace.WithSpanProcessor(p.deliveries))
	}
	p.tracer = sdktrace.NewTracerProvider(opts...)
	return nil
}

// observe exports what the providers of traces have counted themselves.
func (p providers) observe(c config) error {
	switch {
	case p.fast != nil && c.tail != nil:
		return errors.Join(p.fast.Observe(p.meter), p.observeTail(p.fast.TailStats))
	case p.fast != nil:
		return p.fast.Observe(p.meter)
	case p.tail != nil:
		return p.observeTail(p.tail.Stats)
	}
	return nil
}

// describeProcess is the resource: who sends. The command line stays out of it, it may hold secrets.
func describeProcess(ctx context.Context) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithService(),
		resource.WithHost(),
		resource.WithProcessPID(),
		resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(),
		resource.WithProcessRuntimeVersion(),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // last: it prevails
	)
}

func (c config) spanExporter(ctx context.Context, name string) (sdktrace.SpanExporter, error) {
	if name == "console" {
		return stdouttrace.New(stdouttrace.WithWriter(os.Stdout))
	}
	return c.spanProtocol.spanExporter(ctx)
}

func (c config) metricExporter(ctx context.Context, name string) (sdkmetric.Exporter, error) {
	if name == "console" {
		return stdoutmetric.New(stdoutmetric.WithWriter(os.Stdout))
	}
	return c.metricProtocol.metricExporter(ctx)
}

// shutdown closes all at a time, so that one collector that hangs does not take the others' time.
func (p providers) shutdown(ctx context.Context) error {
	var errs [4]error
	var all sync.WaitGroup
	all.Go(func() { errs[0] = p.deliveries.close(ctx) })
	if p.fast != nil {
		all.Go(func() { errs[3] = p.closeFast(ctx) })
	}
	if p.meter != nil {
		all.Go(func() { errs[1] = p.meter.Shutdown(ctx) })
	}
	all.Wait()
	if p.tracer != nil {
		// Its processors are closed; this closes the tap. A done ctx would leave it open.
		errs[2] = p.tracer.Shutdown(context.WithoutCancel(ctx))
	}
	return errors.Join(errs[:]...)
}

func (p providers) shutdownOnce() func(context.Context) error {
	var (
		once sync.Once
		err  error
	)
	return func(ctx context.Context) error {
		once.Do(func() {
			if err = p.shutdown(ctx); err != nil {
				err = fmt.Errorf("shut telemetry down: %w", err)
			}
		})
		return err
	}
}
