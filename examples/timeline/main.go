// Command timeline shows how well package timeline knows where time went: it runs
// a request of known phases (20 ms of computing, 30 ms of sleep, 15 ms on a worker)
// and 1000 hand-offs to workers that carry no context, records both with Go's
// execution tracer and compares what the timeline says with what was done.
//
//	go run ./examples/timeline
//
// Each phase is timed by the program's own clock too, for on a busy machine 20 ms of
// computing take longer. That clock is the truth the timeline is held against.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	rtrace "runtime/trace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/clewhq/clew/propagate/timeline"
	"github.com/clewhq/clew/trace"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "timeline:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer) error {
	provider := sdktrace.NewTracerProvider()
	otel.SetTracerProvider(provider)
	defer func() { _ = provider.Shutdown(ctx) }()

	var truth []phase
	report, err := record(func() { truth = phases(ctx, 10) })
	if err != nil {
		return err
	}
	if err := errors.Join(report.WriteText(w), compare(w, report, truth)); err != nil {
		return err
	}
	for _, c := range []struct{ workers, senders int }{{8, 1}, {2, 1}, {8, 4}, {2, 8}} {
		report, err := record(func() { handOffs(ctx, c.workers, c.senders, 1000) })
		if err != nil {
			return err
		}
		right, wrong, unknown := score(report)
		fmt.Fprintf(w, "1000 hand-offs to %d workers from %d senders: %d right, %d wrong, %d unknown\n",
			c.workers, c.senders, right, wrong, unknown)
	}
	return nil
}

// record runs f under the execution tracer and reads what it wrote.
func record(f func()) (*timeline.Report, error) {
	var buf bytes.Buffer
	if err := rtrace.Start(&buf); err != nil {
		return nil, err
	}
	f()
	rtrace.Stop()
	return timeline.Read(&buf)
}

// phase is how long the phases of one request took by the program's own clock.
type phase struct{ computing, sleeping, worker time.Duration }

// phases serves n requests, one after the other.
func phases(ctx context.Context, n int) (truth []phase) {
	jobs, done := make(chan func()), make(chan bool)
	go func() { // there before the requests, and knows nothing of them
		for j := range jobs {
			rtrace.WithRegion(context.Background(), "job", j)
		}
	}()
	defer close(jobs)
	for i := range n {
		truth = append(truth, request(ctx, i, jobs, done))
	}
	return truth
}

func request(ctx context.Context, i int, jobs chan<- func(), done chan bool) (took phase) {
	_, span := trace.Start(ctx, "request "+strconv.Itoa(i))
	defer span.End()
	took.computing = timed(func() { compute(20 * time.Millisecond) })
	took.sleeping = timed(func() { time.Sleep(30 * time.Millisecond) })
	jobs <- func() {
		took.worker = timed(func() { compute(15 * time.Millisecond) })
		done <- true
	}
	<-done
	return took
}

func timed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// compute keeps a processor busy.
func compute(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
}

// compare writes how far the timeline is off what the program's own clock said.
func compare(w io.Writer, r *timeline.Report, truth []phase) error {
	fmt.Fprintln(w)
	for _, c := range []struct {
		phase string
		want  func(phase) time.Duration
		got   func(timeline.Span) time.Duration
	}{
		{
			"20 ms computing: running + runnable",
			func(p phase) time.Duration { return p.computing },
			func(s timeline.Span) time.Duration { return s.Own.Running + s.Own.Runnable },
		},
		{
			"30 ms sleeping: waiting, sleep",
			func(p phase) time.Duration { return p.sleeping },
			func(s timeline.Span) time.Duration { return s.Own.Waiting["sleep"] },
		},
		{
			"15 ms worker: waiting, chan receive",
			func(p phase) time.Duration { return p.worker },
			func(s timeline.Span) time.Duration { return s.Own.Waiting["chan receive"] },
		},
		{
			"15 ms worker: its own time",
			func(p phase) time.Duration { return p.worker },
			func(s timeline.Span) (sum time.Duration) {
				for _, e := range s.Elsewhere {
					sum += e.To - e.From
				}
				return sum
			},
		},
	} {
		var off []time.Duration
		for i, s := range r.Spans {
			off = append(off, (c.got(s) - c.want(truth[i])).Abs())
		}
		slices.Sort(off)
		fmt.Fprintf(w, "%-36s off by %6.3f ms in the middle, %6.3f ms at worst, of %d requests\n", c.phase,
			float64(off[len(off)/2])/1e6, float64(off[len(off)-1])/1e6, len(off))
	}
	_, err := fmt.Fprintln(w)
	return err
}

// handOffs sends n jobs from as many spans to workers that carry no context. Each
// job is a region named for the span that sent it, so that a claim can be checked.
func handOffs(ctx context.Context, workers, senders, n int) {
	type job struct{ from string }
	jobs := make(chan job, workers)
	var pool, all sync.WaitGroup
	for range workers {
		pool.Go(func() {
			for j := range jobs {
				rtrace.WithRegion(context.Background(), "for "+j.from, func() { compute(20 * time.Microsecond) })
			}
		})
	}
	for i := range senders {
		all.Go(func() {
			for range n / senders {
				_, span := trace.Start(ctx, "sender "+strconv.Itoa(i))
				jobs <- job{span.SpanContext().SpanID().String()}
				compute(50 * time.Microsecond)
				span.End()
			}
		})
	}
	all.Wait()
	close(jobs)
	pool.Wait()
}

func score(r *timeline.Report) (right, wrong, unknown int) {
	for _, s := range r.Spans {
		for _, e := range s.Elsewhere {
			if from, ok := strings.CutPrefix(e.Region, "for "); ok && from == s.SpanID {
				right++
			} else if ok {
				wrong++
			}
		}
	}
	return right, wrong, len(r.Unknown)
}
