package propagate

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
)

// Stage is a labelled step of a hand-written state machine: what a compiler
// makes of the code between two suspension points. Run gets the event that the
// machine waited for, and returns the stage for the next one, or nil when the
// operation is complete.
type Stage[E any] struct {
	Label string
	Run   func(ctx context.Context, event E) (next *Stage[E], err error)
}

// Machine runs an operation written as stages, each of which is a step span of
// one [Continuation]. Feed gives it the events, from whatever goroutine.
type Machine[E any] struct {
	c  *Continuation
	mu sync.Mutex // for stage
	at *Stage[E]
}

// NewMachine begins an operation called name under what ctx carries, or else
// the goroutine, suspended before its first stage.
func NewMachine[E any](ctx context.Context, name string, first *Stage[E]) *Machine[E] {
	m := &Machine[E]{c: Suspend(ctx, name), at: first}
	if first == nil || first.Run == nil {
		note(NilFunc)
		m.c.Done(errNilFunc)
	}
	return m
}

// Ready reports that an event has come, before it is queued for Feed. See
// [Continuation.Ready].
func (m *Machine[E]) Ready() { m.c.Ready() }

// Continuation returns the operation that the machine works on.
func (m *Machine[E]) Continuation() *Continuation { return m.c }

// Label returns the label of the stage that waits for the next event, or the
// empty string once the machine is done.
func (m *Machine[E]) Label() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at == nil {
		return ""
	}
	return m.at.Label
}

// Feed runs the current stage with event. It returns [ErrRunning] when a stage
// is running, be it on this goroutine, and [ErrDone] after the last; the event
// is then not consumed. A stage's own error ends the operation and is
// returned, as is its panic, as a [*PanicError]. done reports whether the
// operation is complete.
func (m *Machine[E]) Feed(event E) (done bool, err error) {
	state, err := m.c.op.take()
	if err != nil {
		note(misuse(err))
		return errors.Is(err, ErrDone), err
	}
	m.mu.Lock()
	at := m.at
	m.mu.Unlock()
	s := m.c.op.begin(at.Label, state)
	defer s.End()
	next, err := at.run(s.Context(), event)
	if err != nil || next == nil || next.Run == nil {
		next = nil
	}
	m.mu.Lock()
	m.at = next
	m.mu.Unlock()
	if next == nil {
		m.c.Done(err)
	}
	return next == nil, err
}

func (s *Stage[E]) run(ctx context.Context, event E) (next *Stage[E], err error) {
	defer func() {
		if p := recover(); p != nil {
			next, err = nil, &PanicError{p, string(debug.Stack())}
		}
	}()
	return s.Run(ctx, event)
}
