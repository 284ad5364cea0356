// Client sends commands under package propagate, whose ids are in their payload:
// sampled or not, with labels of the program's own or without, and after the span
// has ended.
//
//	propagated ADDRESS
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"net"
	"os"
	"runtime/pprof"

	oteltrace "go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/clewhq/clew/propagate"
)

// span says which one it is, and that it is being recorded until it ends.
type span struct {
	noop.Span
	sc        oteltrace.SpanContext
	recording bool
}

func (s *span) SpanContext() oteltrace.SpanContext { return s.sc }
func (s *span) IsRecording() bool                  { return s.recording }

func main() {
	c, err := net.Dial("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	replies := bufio.NewReader(c)
	ask := func(line string) {
		if _, err := c.Write([]byte(line + "\n")); err != nil {
			panic(err)
		}
		if _, err := replies.ReadString('\n'); err != nil {
			panic(err)
		}
	}
	ask("HELLO")
	for i := range 60 {
		s, flags := newSpan(i%2 == 0)
		ref := propagate.New(s, propagate.Ref{})
		ctx := propagate.NewContext(context.Background(), ref)
		send := func(end bool) {
			state := flags
			if end {
				ref.End()
				state += "E"
			}
			ask(s.sc.TraceID().String() + s.sc.SpanID().String() + state)
		}
		propagate.BindContext(ctx, func(ctx context.Context) {
			switch i / 2 % 5 {
			case 0:
				send(false)
			case 1: // labels of the program's own over ours
				pprof.Do(ctx, pprof.Labels("handler", "/pay", "zone", "b"), func(context.Context) { send(false) })
			case 2: // ours over the program's
				pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("zone", "b", "a", "1")))
				propagate.BindContext(ctx, func(context.Context) { send(false) })()
			case 3: // inherited
				done := make(chan struct{})
				go func() {
					defer close(done)
					send(false)
				}()
				<-done
			case 4:
				send(true)
			}
		})()
		pprof.SetGoroutineLabels(context.Background())
	}
}

func newSpan(sampled bool) (*span, string) {
	var cfg oteltrace.SpanContextConfig
	if _, err := rand.Read(cfg.TraceID[:]); err != nil {
		panic(err)
	}
	if _, err := rand.Read(cfg.SpanID[:]); err != nil {
		panic(err)
	}
	flags := "U"
	if sampled {
		cfg.TraceFlags, flags = oteltrace.FlagsSampled, "S"
	}
	return &span{sc: oteltrace.NewSpanContext(cfg), recording: true}, flags
}
