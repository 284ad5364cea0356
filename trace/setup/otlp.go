package setup

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/trace/internal/otelenv"
	"github.com/clewhq/clew/trace/provider"
)

// otlpProtocol is how one signal is sent. All else the exporters read from the variables themselves.
type otlpProtocol otelenv.OTLP

// otlp checks the exporters' variables, those that apply to c. The exporters would log what they
// cannot read, headers with their values, and go on without.
func (e env) otlp(c config) (spans, metrics otlpProtocol) {
	traces, meters := slices.Contains(c.traces, "otlp"), slices.Contains(c.metrics, "otlp")
	if traces || meters {
		e.CheckOTLP("")
	}
	if traces {
		e.CheckOTLP(otelenv.Traces)
		spans = otlpProtocol(e.OTLP(otelenv.Traces))
	}
	if meters {
		e.CheckOTLP(otelenv.Metrics)
		metrics = otlpProtocol(e.OTLP(otelenv.Metrics))
	}
	return spans, metrics
}

func (p otlpProtocol) spanExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if p.GRPC {
		var o []otlptracegrpc.Option
		if p.Plain {
			o = append(o, otlptracegrpc.WithInsecure())
		}
		return provider.NewExporter(ctx, otlptracegrpc.NewClient(o...))
	}
	var o []otlptracehttp.Option
	if p.Plain {
		o = append(o, otlptracehttp.WithInsecure())
	}
	return provider.NewExporter(ctx, otlptracehttp.NewClient(o...))
}

func (p otlpProtocol) metricExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if p.GRPC {
		var o []otlpmetricgrpc.Option
		if p.Plain {
			o = append(o, otlpmetricgrpc.WithInsecure())
		}
		return otlpmetricgrpc.New(ctx, o...)
	}
	var o []otlpmetrichttp.Option
	if p.Plain {
		o = append(o, otlpmetrichttp.WithInsecure())
	}
	return otlpmetrichttp.New(ctx, o...)
}
