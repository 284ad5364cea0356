package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/propagation"

	"github.com/clewhq/clew/propagate"
	"github.com/clewhq/clew/trace"
)

// The channels questions and answers go over.
const (
	questions = "clew.example.questions"
	answers   = "clew.example.answers"
)

// message is what goes over the wire, with the sender's trace context.
type message struct {
	ID    uint64                 `json:"id"`
	Trace propagation.MapCarrier `json:"trace,omitempty"`
	Text  string                 `json:"text"`
}

var errNoAnswer = errors.New("no answer in time")

// Asker turns a Redis subscription into callbacks. It is the adapter that this
// example is about: every question becomes a continuation, suspended until its
// answer or its time-out resumes it.
type Asker struct {
	client  *redis.Client
	sub     *redis.PubSub
	timeout time.Duration
	stopped chan struct{}

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]pending
}

type pending struct {
	op    *propagate.Continuation
	timer *time.Timer
	then  func(ctx context.Context, answer string, err error)
}

// NewAsker subscribes to the answers.
func NewAsker(ctx context.Context, client *redis.Client, timeout time.Duration) (*Asker, error) {
	a := &Asker{
		client: client, timeout: timeout, stopped: make(chan struct{}), waiting: make(map[uint64]pending),
	}
	var err error
	propagate.Background(func() { // the connection and its goroutines serve all requests
		if a.sub, err = subscribe(ctx, client, answers); err == nil {
			go a.receive()
		}
	})
	return a, err
}

// Ask publishes a question and calls then, on another goroutine, with the
// answer or an error.
func (a *Asker) Ask(ctx context.Context, question string, then func(ctx context.Context, answer string, err error)) {
	op := propagate.Suspend(ctx, "answer")
	a.mu.Lock()
	a.last++
	id := a.last
	a.waiting[id] = pending{op, time.AfterFunc(a.timeout, func() { a.resume(id, "timeout", "", errNoAnswer) }), then}
	a.mu.Unlock()

	m := message{ID: id, Trace: propagation.MapCarrier{}, Text: question}
	propagation.TraceContext{}.Inject(op.Context(), m.Trace)
	if err := publish(ctx, a.client, questions, m); err != nil {
		go a.resume(id, "failure", "", err)
	}
}

// receive runs the callbacks. What it runs under is the continuation's affair.
func (a *Asker) receive() {
	defer close(a.stopped)
	for raw := range a.sub.Channel() {
		var m message
		if err := json.Unmarshal([]byte(raw.Payload), &m); err != nil {
			continue // not one of ours
		}
		a.resume(m.ID, "reply", m.Text, nil)
	}
}

// resume goes on with a question once: by the reply or the time-out, whichever
// comes first.
func (a *Asker) resume(id uint64, why, answer string, err error) {
	a.mu.Lock()
	p, ok := a.waiting[id]
	delete(a.waiting, id)
	a.mu.Unlock()
	if !ok {
		return
	}
	p.timer.Stop()
	p.op.Ready()
	step := p.op.Resume(why)
	defer step.End()
	p.then(step.Context(), answer, err)
	p.op.Done(err)
}

// Close ends the subscription. Questions that still wait get their time-out.
func (a *Asker) Close() {
	if err := a.sub.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		fmt.Println(err)
	}
	<-a.stopped
}

// Serve answers questions until stop is called: the other side, which may be
// another process.
func Serve(ctx context.Context, client *redis.Client, answer func(context.Context, string) string) (stop func(), err error) {
	var sub *redis.PubSub
	done := make(chan struct{})
	propagate.Background(func() {
		if sub, err = subscribe(ctx, client, questions); err != nil {
			return
		}
		go func() {
			defer close(done)
			for raw := range sub.Channel() {
				serve(ctx, client, raw.Payload, answer)
			}
		}()
	})
	if err != nil {
		return nil, err
	}
	return func() {
		_ = sub.Close() // what is left of the subscription ends with the connection
		<-done
	}, nil
}

func serve(ctx context.Context, client *redis.Client, payload string, answer func(context.Context, string) string) {
	var m message
	if err := json.Unmarshal([]byte(payload), &m); err != nil {
		return
	}
	ctx, span := trace.Start(propagation.TraceContext{}.Extract(ctx, m.Trace), "serve question")
	defer span.End()
	reply := message{ID: m.ID, Text: answer(ctx, m.Text)}
	if err := publish(ctx, client, answers, reply); err != nil {
		span.RecordError(err)
	}
}

// subscribe returns once the subscription stands.
func subscribe(ctx context.Context, client *redis.Client, channel string) (*redis.PubSub, error) {
	sub := client.Subscribe(ctx, channel)
	if _, err := sub.Receive(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("subscribe to %s: %w", channel, err), sub.Close())
	}
	return sub, nil
}

func publish(ctx context.Context, client *redis.Client, channel string, m message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return client.Publish(ctx, channel, b).Err()
}
