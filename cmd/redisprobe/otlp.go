package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/telemetry"
	"github.com/clewhq/clew/internal/cli"
)

// otlp says where and how telemetry is sent.
type otlp struct{ url, protocol string }

const (
	overHTTP = "http/protobuf"
	overGRPC = "grpc"
	none     = "none" // the value of an OTEL_…_EXPORTER
)

func (o *otlp) on() bool { return o.url != "" }

// check finds what the flags and the environment say wrongly. It refuses a URL
// with a secret in it, for the exporters' errors repeat it.
func (o *otlp) check() error {
	if !o.on() {
		if o.protocol != "" {
			return cli.Usagef("--otlp-protocol wants --otlp URL")
		}
		return nil
	}
	u, err := url.Parse(o.url)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return cli.Usagef("--otlp: want a URL such as http://127.0.0.1:4318")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return cli.Usagef("--otlp: want a URL without user, password and query; a token belongs into OTEL_EXPORTER_OTLP_HEADERS")
	}
	name := "--otlp-protocol"
	if o.protocol == "" {
		o.protocol, name = os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL"
	}
	switch o.protocol {
	case "":
		o.protocol = overHTTP
	case overHTTP, overGRPC:
	default:
		return cli.Usagef("%s %q: want %s or %s", name, o.protocol, overHTTP, overGRPC)
	}
	return nil
}

// sender sends slow requests as spans, and metrics in a rhythm of its own.
type sender struct {
	traces  *telemetry.Spans
	metrics *sdkmetric.MeterProvider
	spans   int
}

// start returns a sender, which sends nothing if there is no URL, and of each
// signal nothing if OTEL_TRACES_EXPORTER or OTEL_METRICS_EXPORTER is none.
func (o *otlp) start(ctx context.Context, logger *slog.Logger, newest func() (*report.Report, error), every time.Duration) (*sender, error) {
	s := &sender{}
	if !o.on() {
		return s, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("send by OTLP", "error", err) }))
	if os.Getenv("OTEL_TRACES_EXPORTER") != none {
		exporter, err := o.spanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("start OTLP traces: %w", err)
		}
		s.traces = telemetry.NewSpans(exporter)
	}
	if os.Getenv("OTEL_METRICS_EXPORTER") != none {
		exporter, err := o.metricExporter(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start OTLP metrics: %w", err), s.close())
		}
		s.metrics = sdkmetric.NewMeterProvider(
			sdkmetric.WithResource(resource.NewSchemaless(semconv.ServiceName("redisprobe"))),
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(every), sdkmetric.WithProducer(telemetry.NewProducer(newest)))))
	}
	return s, nil
}

func (o *otlp) spanExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if o.protocol == overGRPC {
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(o.url))
	}
	return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.path("v1/traces")))
}

func (o *otlp) metricExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if o.protocol == overGRPC {
		return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpointURL(o.url))
	}
	return otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(o.path("v1/metrics")))
}

// path is the URL of a signal, as OTEL_EXPORTER_OTLP_ENDPOINT would have it.
func (o *otlp) path(signal string) string {
	u, err := url.JoinPath(o.url, signal)
	if err != nil { // check has parsed it
		return o.url
	}
	return u
}

// add sends the slow requests of a part.
func (s *sender) add(part *report.Report) {
	if s.traces != nil {
		s.spans += s.traces.Add(part)
	}
}

// close sends what is left.
func (s *sender) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	var err error
	if s.traces != nil {
		err = s.traces.Close(ctx)
	}
	if s.metrics != nil {
		err = errors.Join(err, s.metrics.Shutdown(ctx))
	}
	if err != nil {
		return fmt.Errorf("send by OTLP: %w", err)
	}
	return nil
}
