package rivals

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"testing"

	otelpyroscope "github.com/grafana/otel-profiling-go"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// labelled returns the labels of the running goroutine, as profiles show them.
func labelled(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		t.Fatal(err)
	}
	for entry := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(entry, "rivals.labelled") {
			_, labels, _ := strings.Cut(entry, "# labels: ")
			labels, _, _ = strings.Cut(labels, "\n")
			return labels
		}
	}
	return ""
}

// TestLabelsAcrossContinuations ends an operation of one request on a goroutine that works for another,
// as every callback does. With otel-profiling-go that goroutine has lost its own request afterwards,
// so that a profile charges the rest of the work to nobody or to somebody else; with ours it has not.
func TestLabelsAcrossContinuations(t *testing.T) {
	sdk := sdktrace.NewTracerProvider()
	t.Cleanup(func() { _ = sdk.Shutdown(context.Background()) })

	t.Run("otel-profiling-go", func(t *testing.T) {
		tr := otelpyroscope.NewTracerProvider(sdk).Tracer("test")
		ctx, first := tr.Start(context.Background(), "first")
		_, operation := tr.Start(ctx, "operation")
		elsewhere(func() {
			_, second := tr.Start(context.Background(), "second")
			defer second.End()
			operation.End() // the callback
			if got := labelled(t); strings.Contains(got, second.SpanContext().SpanID().String()) {
				t.Errorf("it has learnt to leave the goroutine alone: labels %s; say so in the docs of trace/profile", got)
			}
		})
		first.End()
	})

	t.Run("clew", func(t *testing.T) {
		otel.SetTracerProvider(sdk)
		t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
		ctx, first := trace.Start(context.Background(), "first")
		operation := propagate.Suspend(ctx, "operation")
		elsewhere(func() {
			_, second := trace.Start(context.Background(), "second", oteltrace.WithNewRoot())
			defer second.End()
			id := second.SpanContext().TraceID().String()
			step := operation.Resume("callback")
			if got := labelled(t); !strings.Contains(got, first.SpanContext().TraceID().String()) {
				t.Errorf("during the callback the labels are %s, not those of the operation", got)
			}
			step.End()
			operation.Done(nil)
			if got := labelled(t); !strings.Contains(got, id) {
				t.Errorf("after the callback the labels are %s, not the goroutine's own, of trace %s", got, id)
			}
		})
		first.End()
	})
}

// elsewhere runs f on a goroutine of its own and waits for it.
func elsewhere(f func()) {
	done := make(chan struct{})
	propagate.Background(func() {
		go func() {
			defer close(done)
			f()
		}()
	})
	<-done
}
