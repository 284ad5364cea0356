package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"github.com/clewhq/clew/propagate"
)

// request is a line of a client's on its way through the loop.
type request struct {
	op      *propagate.Continuation
	command string
	arg     string
	reply   func(string) // on the loop
}

// parse reads "TRACEPARENT COMMAND [ARG]", where - stands for no trace.
func parse(ctx context.Context, line string, reply func(string)) request {
	parent, rest, _ := strings.Cut(line, " ")
	command, arg, _ := strings.Cut(rest, " ")
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	return request{propagate.Suspend(ctx, "command"), strings.ToUpper(command), arg, reply}
}

// serve runs a request's first step on the loop, and its second, if it has to
// wait for something, in a later task.
func (r request) serve(loop *propagate.Loop) {
	step := r.op.Resume(strings.ToLower(r.command))
	defer step.End()
	switch r.command {
	case "PING":
		r.finish("PONG", nil)
	case "HASH":
		r.finish(hash(r.arg))
	case "LOOKUP":
		lookup(r.arg, func(value string) { // called back on a goroutine of the backend's
			r.op.Ready()
			if err := loop.Submit(r.op.Context(), func(context.Context) {
				step := r.op.Resume("found")
				defer step.End()
				r.finish(value, nil)
			}); err != nil {
				r.op.Done(err)
			}
		})
	default:
		r.finish("", fmt.Errorf("unknown command %q: want PING, LOOKUP key or HASH rounds", r.command))
	}
}

func (r request) finish(text string, err error) {
	if err != nil {
		text = "ERR " + err.Error()
	}
	r.reply(text)
	r.op.Done(err)
}

// lookup is a backend with a callback: it answers after a while.
func lookup(key string, found func(string)) {
	time.AfterFunc(5*time.Millisecond, func() { found("value of " + key) })
}

// hash computes for longer than an event loop should.
func hash(arg string) (string, error) {
	rounds, err := strconv.Atoi(arg)
	if err != nil || rounds < 1 || rounds > 1e8 {
		return "", fmt.Errorf("HASH %s: want a number of rounds from 1 to 1e8", arg)
	}
	var sum [sha256.Size]byte
	for range rounds {
		sum = sha256.Sum256(sum[:])
	}
	return fmt.Sprintf("%x", sum[:4]), nil
}
