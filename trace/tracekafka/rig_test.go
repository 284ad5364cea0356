package tracekafka_test

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/goleak"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/internal/doortest"
	"github.com/clewhq/clew/trace/tracekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bg = context.Background()

// rig is a Tracer, and what comes of it.
type rig struct {
	*tracekafka.Tracer
	doortest.Rig
}

func newRig(t *testing.T, opts ...trace.Option) rig {
	t.Helper()
	r := doortest.New(t)
	return rig{tracekafka.New(r.Options(opts...)...), r}
}

// one returns the one ended span of a name.
func (r rig) one(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	found := r.Named(name)
	if len(found) != 1 {
		t.Fatalf("%d spans %q among %d, want 1", len(found), name, len(r.Spans.Ended()))
	}
	return found[0]
}

// header returns the values that a record has under key.
func header(r *kgo.Record, key string) (values []string) {
	for _, h := range r.Headers {
		if h.Key == key {
			values = append(values, string(h.Value))
		}
	}
	return values
}
