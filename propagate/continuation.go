package propagate

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Attributes of the spans of continuations. Times are in seconds.
const (
	// AttrSuspended is on a step: the time from the end of the step before, or
	// from Suspend, until the operation was ready to go on. On the operation's
	// span it is the sum over the steps.
	AttrSuspended = attribute.Key("clew.continuation.suspended_time")
	// AttrQueued is on a step: the time from [Continuation.Ready] until the
	// step began. On the operation's span it is the sum.
	AttrQueued = attribute.Key("clew.continuation.queued_time")
	// AttrRunning is on the operation's span: the sum of its steps' durations.
	AttrRunning = attribute.Key("clew.continuation.running_time")
	// AttrSteps is on the operation's span: the number of its steps.
	AttrSteps = attribute.Key("clew.continuation.steps")
	// AttrStep is on a step: its place in the operation, from 1.
	AttrStep = attribute.Key("clew.continuation.step")
)

// Continuation is an operation that leaves the goroutine it began on and is
// resumed, perhaps many times, by others: callbacks, event loops, the steps of
// a state machine. [Suspend] makes one. It may be used from any goroutine; one
// step runs at a time.
type Continuation struct{ op *operation }

// operation is apart from the Continuation so that the loss of the last
// reference to the latter can still end the span.
type operation struct {
	ref    Ref
	owned  bool // ref is the operation's own
	span   oteltrace.Span
	ctx    context.Context // carries ref
	tracer oteltrace.Tracer
	record bool // steps are spans, and times are taken

	state atomic.Uint64
	err   atomic.Pointer[error] // given to Done
	begun atomic.Int64          // when the running step was
	since atomic.Int64          // when it was suspended last
	ready atomic.Int64          // when it was reported ready since, or 0

	running, suspended, queued atomic.Int64 // sums over the steps
}

// The state counts twice a step: it is odd while one is running. The top bit
// says that the operation is done; whoever makes the state both done and even
// closes the span.
const stDone = 1 << 63

// Suspend begins an operation called name under the context that ctx carries,
// or else the goroutine's, and returns it suspended. The operation's span ends
// at Done. When the program loses the Continuation before, the span ends with
// an error at the next garbage collection, and [Lost] counts it as abandoned.
//
// If the operation is not sampled, no step is a span and no clock is read.
func Suspend(ctx context.Context, name string) *Continuation {
	ctx, span, ref, owned := startSpan(ctx, name)
	op := &operation{ref: ref, owned: owned, span: span, ctx: ctx, record: owned && span.IsRecording()}
	c := &Continuation{op}
	if op.record {
		op.tracer = tracerOf(ref)
		op.since.Store(int64(now()))
		runtime.AddCleanup(c, (*operation).abandon, op)
	}
	return c
}

// Context returns a context that carries the operation, for handing on.
func (c *Continuation) Context() context.Context { return c.op.ctx }

// Ref returns the operation's own context.
func (c *Continuation) Ref() Ref { return c.op.ref }

// Ready reports that what the operation waited for has come, for those who
// then queue its resumption: what passes until Resume counts as queued, not as
// suspended. Only the first report before a step counts.
func (c *Continuation) Ready() {
	if c.op.record {
		c.op.ready.CompareAndSwap(0, int64(now()))
	}
}

// Step is one run of a continuation on one goroutine. It is a value; the zero
// Step does nothing.
type Step struct {
	op    *operation
	state uint64 // the operation's while this step runs
	ref   Ref    // of the step's span, or of the operation where it has none
	scope Scope
}

// Resume begins the next step and makes it the running goroutine's context
// until [Step.End]. When a step is running already, or the operation is done,
// nothing is entered, the Step does nothing, and [Lost] counts the misuse.
func (c *Continuation) Resume(step string) Step {
	op := c.op
	if st := op.state.Load(); !op.record && st&(stDone|1) == 0 && op.state.CompareAndSwap(st, st+1) {
		return Step{op: op, state: st + 1, ref: op.ref, scope: op.ref.Enter()} // what begin does, without the calls
	}
	state, err := op.take()
	if err != nil {
		note(misuse(err))
		return Step{}
	}
	return op.begin(step, state)
}

func misuse(err error) LostKind {
	if errors.Is(err, ErrDone) {
		return ResumedDone
	}
	return ResumedRunning
}

// take makes the operation running, for who gets no error.
func (op *operation) take() (state uint64, err error) {
	for {
		st := op.state.Load()
		switch {
		case st&stDone != 0:
			return 0, ErrDone
		case st&1 != 0:
			return 0, ErrRunning
		case op.state.CompareAndSwap(st, st+1):
			return st + 1, nil
		}
	}
}

// begin enters the step that take has begun; a sampled one is a span.
func (op *operation) begin(name string, state uint64) Step {
	ref := op.ref
	if op.record {
		ref = op.stepSpan(name, state)
	}
	return Step{op: op, state: state, ref: ref, scope: ref.Enter()}
}

func (op *operation) stepSpan(name string, state uint64) Ref {
	t := now()
	since, ready := time.Duration(op.since.Load()), time.Duration(op.ready.Swap(0))
	if ready == 0 || ready < since {
		ready = t // not reported, or before the operation was suspended
	}
	suspended, queued := ready-since, t-ready
	op.suspended.Add(int64(suspended))
	op.queued.Add(int64(queued))
	op.begun.Store(int64(t))
	_, span := op.tracer.Start(op.ctx, name, oteltrace.WithAttributes(
		AttrStep.Int64(int64(state+1)/2),
		AttrSuspended.Float64(suspended.Seconds()),
		AttrQueued.Float64(queued.Seconds()),
	))
	return New(span, op.ref)
}

// Context returns a context that carries the step, for what it calls.
func (s Step) Context() context.Context {
	switch {
	case s.op == nil:
		return context.Background()
	case !s.op.record:
		return s.op.ctx
	}
	return NewContext(s.op.ctx, s.ref)
}

// Running reports whether s is a step, rather than what a refused Resume or
// the zero value is.
func (s Step) Running() bool { return s.op != nil }

// End ends the step: the operation is suspended again, or ends if Done was
// called meanwhile. The goroutine gets back what it carried before. A second
// End of the same step does nothing and is counted in [Lost].
func (s Step) End() {
	op := s.op
	if op == nil {
		return
	}
	if op.record && op.state.Load()&^stDone == s.state {
		t := int64(now()) // taken over before others may resume
		op.running.Add(t - op.begun.Load())
		op.since.Store(t)
		s.ref.Span().End()
		s.ref.End()
	}
	switch {
	case op.state.CompareAndSwap(s.state, s.state+1):
	case op.state.CompareAndSwap(s.state|stDone, (s.state+1)|stDone):
		op.close()
	default:
		note(LeftTwice)
		return
	}
	s.scope.Leave()
}

// Done ends the operation: at once between two steps, with the step when one
// is running. A non-nil err is recorded on its span. What follows, another
// Done included, is misuse that changes nothing and is counted in [Lost].
func (c *Continuation) Done(err error) {
	if !c.op.done(err) {
		note(ResumedDone)
	}
	runtime.KeepAlive(c) // not abandoned
}

func (op *operation) done(err error) (first bool) {
	op.err.CompareAndSwap(nil, &err)
	old := op.state.Or(stDone)
	if old&stDone != 0 {
		return false
	}
	if old&1 == 0 {
		op.close()
	}
	return true
}

func (op *operation) close() {
	if op.record {
		op.describe()
	}
	if op.owned {
		op.span.End()
		op.ref.End()
	}
}

// describe puts the sums and the error on the span. An error's own methods may
// panic; that is no reason to bring the host down.
func (op *operation) describe() {
	defer func() { _ = recover() }()
	op.span.SetAttributes(
		AttrSteps.Int64(int64(op.state.Load()&^stDone)/2),
		AttrRunning.Float64(time.Duration(op.running.Load()).Seconds()),
		AttrSuspended.Float64(time.Duration(op.suspended.Load()).Seconds()),
		AttrQueued.Float64(time.Duration(op.queued.Load()).Seconds()),
	)
	if err := *op.err.Load(); err != nil {
		op.span.SetStatus(codes.Error, err.Error())
		op.span.RecordError(err)
	}
}

// abandon ends an operation whose Continuation was lost, now or with the step
// that is running.
func (op *operation) abandon() {
	if op.state.Load()&stDone == 0 && op.done(errAbandoned) {
		noteNowhere(Abandoned)
	}
}
