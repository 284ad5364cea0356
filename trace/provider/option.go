package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace/tail"
)

// DefaultMaxBytes is how much memory finished spans may occupy, unless [WithMaxBytes] says otherwise.
const DefaultMaxBytes = 8 << 20

// minBytes is the least for [WithMaxBytes]: a few spans of every processor.
const minBytes = 64 << 10

// Option changes what [New] makes. The functions of this package that begin with With are the only
// ones.
type Option interface{ apply(*config) error }

type option func(*config) error

func (o option) apply(c *config) error { return o(c) }

type config struct {
	lookup   func(string) string
	resource *resource.Resource
	sampler  sdktrace.Sampler
	ids      sdktrace.IDGenerator
	limits   *sdktrace.SpanLimits
	tail     *tail.Config
	maxBytes int64
	wait     bool
	client   *http.Client
	gzip     int
	atStart  func(context.Context, oteltrace.Span)
}

func newConfig(opts []Option) (config, error) {
	c := config{lookup: os.Getenv, resource: resource.Default(), maxBytes: DefaultMaxBytes, gzip: 1}
	var err error
	for _, o := range opts {
		if o != nil {
			err = errors.Join(err, o.apply(&c))
		}
	}
	return c, err
}

// WithEnv lets lookup answer for variables of the environment, in place of [os.Getenv].
func WithEnv(lookup func(name string) string) Option {
	return option(func(c *config) error {
		if lookup == nil {
			return errors.New("WithEnv: the function is nil")
		}
		c.lookup = lookup
		return nil
	})
}

// WithResource says who sends, as the SDK's option of the same name: what OTEL_RESOURCE_ATTRIBUTES and
// OTEL_SERVICE_NAME say is added, and r prevails. Without it the resource is [resource.Default].
func WithResource(r *resource.Resource) Option {
	return option(func(c *config) (err error) {
		if c.resource, err = resource.Merge(resource.Environment(), r); err != nil {
			return fmt.Errorf("WithResource: %w", err)
		}
		return nil
	})
}

// WithSampler sets the sampler, in place of what OTEL_TRACES_SAMPLER says. One that is not the SDK's is
// called for every span, and costs what it costs.
func WithSampler(s sdktrace.Sampler) Option {
	return option(func(c *config) error {
		if s == nil {
			return errors.New("WithSampler: the sampler is nil")
		}
		c.sampler = s
		return nil
	})
}

// WithIDGenerator sets what makes trace and span ids, in place of random ones.
func WithIDGenerator(g sdktrace.IDGenerator) Option {
	return option(func(c *config) error {
		if g == nil {
			return errors.New("WithIDGenerator: the generator is nil")
		}
		c.ids = g
		return nil
	})
}

// WithSpanLimits sets the limits as they are, in place of what the variables say: as the SDK's
// WithRawSpanLimits, negative means none and 0 means nothing at all.
func WithSpanLimits(l sdktrace.SpanLimits) Option {
	return option(func(c *config) error {
		c.limits = &l
		return nil
	})
}

// WithTail keeps, of what the sampler turns down, the traces that fail or are slow; see package
// trace/tail, which says what that costs. What is held until the decision is, all in all, bounded by
// as many bytes as [WithMaxBytes] says once more; beyond it the oldest traces give way.
func WithTail(cfg tail.Config) Option {
	return option(func(c *config) error {
		c.tail = &cfg
		return cfg.Check()
	})
}

// WithMaxBytes bounds the memory of finished spans: those that wait, those being sent and what is kept
// for the next. Beyond it spans are dropped, and counted. The least is 64 KiB.
func WithMaxBytes(n int64) Option {
	return option(func(c *config) error {
		if n < minBytes {
			return fmt.Errorf("WithMaxBytes: %d is less than %d", n, minBytes)
		}
		c.maxBytes = n
		return nil
	})
}

// WithBlocking lets End wait where a span would be dropped for want of room. It is for programs whose
// spans matter more than their speed: a receiver that is away then stops them for as long as it takes.
func WithBlocking() Option {
	return option(func(c *config) error {
		c.wait = true
		return nil
	})
}

// WithHTTPClient sets the client that sends with OTEL_EXPORTER_OTLP_PROTOCOL http/protobuf. The
// variables for certificates then don't apply.
func WithHTTPClient(client *http.Client) Option {
	return option(func(c *config) error {
		if client == nil {
			return errors.New("WithHTTPClient: the client is nil")
		}
		c.client = client
		return nil
	})
}

// WithGzipLevel sets the level of compression, 1 (the default: fastest) to 9, for when
// OTEL_EXPORTER_OTLP_COMPRESSION asks for gzip.
func WithGzipLevel(level int) Option {
	return option(func(c *config) error {
		if level < 1 || level > 9 {
			return fmt.Errorf("WithGzipLevel: %d is not from 1 to 9", level)
		}
		c.gzip = level
		return nil
	})
}

// WithAtStart calls f at the start of each span that is recorded, on the goroutine that starts it, with
// the context it is started in. f may set attributes; it is what is left here of a span processor.
func WithAtStart(f func(context.Context, oteltrace.Span)) Option {
	return option(func(c *config) error {
		if f == nil {
			return errors.New("WithAtStart: the function is nil")
		}
		before := c.atStart
		c.atStart = func(ctx context.Context, s oteltrace.Span) {
			if before != nil {
				before(ctx, s)
			}
			f(ctx, s)
		}
		return nil
	})
}
