package setup

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/sdk/resource"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace/pinpoint"
	"github.com/clewhq/clew/trace/provider"
)

// WithFastProvider makes package trace/provider's tracer provider the global one in place of the SDK's:
// spans cost a fraction, and what arrives is the same. The variables and [WithTail] mean what they mean
// for the SDK's; opts are for what there is no variable for.
//
// Since nobody can read its spans, it refuses two things: an OTEL_TRACES_EXPORTER other than otlp, and
// a [WithSpanProcessor] whose processor does more than set attributes at the start. That of package
// trace/profile is accepted, as is every one with the method AtStart(context.Context, oteltrace.Span).
func WithFastProvider(opts ...provider.Option) Option {
	return option(func(c *config) error {
		c.fast = append(c.fast, opts...)
		if c.fast == nil {
			c.fast = []provider.Option{}
		}
		return nil
	})
}

// starter is a span processor that only does something at the start.
type starter interface {
	AtStart(context.Context, oteltrace.Span)
}

// checkFast finds what the fast provider cannot do.
func (c config) checkFast() (err error) {
	if c.fast == nil {
		return nil
	}
	for _, name := range c.traces {
		if name != "otlp" {
			err = errors.Join(err, fmt.Errorf("OTEL_TRACES_EXPORTER: %s needs the SDK's provider: leave WithFastProvider out, or export with otlp alone", name))
		}
	}
	for _, p := range c.processors {
		if _, ok := p.(starter); !ok {
			err = errors.Join(err, fmt.Errorf("WithSpanProcessor: %T may read spans, which needs the SDK's provider: leave WithFastProvider out, "+
				"or set attributes with provider.WithAtStart", p))
		}
	}
	return err
}

func (c config) newFast(res *resource.Resource) (*provider.Provider, error) {
	opts := []provider.Option{provider.WithResource(res), provider.WithSampler(c.sampler)}
	if c.pinpoint {
		opts = append(opts, provider.WithIDGenerator(pinpoint.IDGenerator(nil)))
	}
	if c.tail != nil {
		opts = append(opts, provider.WithTail(*c.tail))
	}
	for _, p := range c.processors {
		opts = append(opts, provider.WithAtStart(p.(starter).AtStart))
	}
	return provider.New(append(opts, c.fast...)...)
}

func (p providers) closeFast(ctx context.Context) error {
	err := p.fast.Shutdown(ctx)
	for _, sp := range p.starters {
		err = errors.Join(err, sp.Shutdown(ctx))
	}
	return err
}
