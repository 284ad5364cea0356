package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
	"github.com/clewhq/clew/internal/otlprecv"
	"github.com/clewhq/clew/internal/store"
	"github.com/clewhq/clew/internal/view"
)

const (
	// DefaultAddr is where the page is, unless it is said otherwise.
	DefaultAddr = "127.0.0.1:7070"
	// DefaultRate is how many payments are sent a second.
	DefaultRate = 50
	// DefaultFor is how long payments are sent.
	DefaultFor = 20 * time.Second
	// MinFor is the shortest time in which both runs can be made.
	MinFor = 3 * time.Second
	// MaxRate is the highest rate that can be asked for; a machine that cannot keep up sends fewer.
	MaxRate = 1000
	// MaxPayments bounds a run of the demo, so that all its spans fit into memory.
	MaxPayments = 20_000

	// spansAPayment is more than the spans of one payment.
	spansAPayment = 30
	// storeBytes bounds the spans' memory; MaxPayments fit into it.
	storeBytes = 1 << 30
	// closeTime bounds the wait for those who read the page when it is closed.
	closeTime = time.Second
)

// Options say how the demo is run.
type Options struct {
	For  time.Duration // how long payments are sent, in both runs together; at least MinFor
	Rate int           // payments a second, at least 1
	Addr string        // where the page listens
	// FreePort takes any free port where Addr is taken.
	FreePort bool
	// Command runs a service of the shop when the service's name and flags are added.
	Command []string
	Story   *Story // told what happens
}

// Demo is a demo whose receiver and page are up.
type Demo struct {
	opts     Options
	runs     [2]run // with clew, without
	spans    *router
	receiver *otlprecv.Receiver
	page     *view.Server
	heap     heapPage
	scratch  string // directory for files, gone when the demo is
}

// Open starts the receiver, the store and the page. The caller closes the demo.
func Open(o Options) (*Demo, error) {
	id := rand.Text()
	d := &Demo{
		opts: o,
		runs: [2]run{{name: "with", propagation: "on", namespace: "shop", id: id + "-with", script: o.For >= MinForSpike}, {name: "without", propagation: "off", namespace: "shop-without-clew", id: id + "-without"}},
	}
	planned := (int(o.For.Seconds()*float64(o.Rate)) + maxScriptPayments) * spansAPayment
	memory := func() *store.Memory {
		return store.NewMemory(max(planned, store.DefaultMaxSpans), store.WithMaxBytes(storeBytes))
	}
	d.spans = &router{with: memory(), without: memory(), control: d.runs[1].id}
	var err error
	if d.scratch, err = os.MkdirTemp("", "clew-demo-"); err != nil {
		return nil, err
	}
	if d.receiver, err = otlprecv.Listen(d.spans, otlprecv.Options{FreePort: true}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(d.scratch))
	}
	if d.page, err = view.Listen(o.Addr, o.FreePort, d.handler()); err != nil {
		return nil, errors.Join(err, d.receiver.Close(context.Background()), os.RemoveAll(d.scratch))
	}
	return d, nil
}

// handler is the page: the payments with clew and, greyed, those without.
func (d *Demo) handler() http.Handler {
	runs := []view.Run{
		{Name: "with clew", Source: d.spans.with},
		{
			Name: "without clew", Control: true, Source: d.spans.without, Torn: torn,
			Note: "The same shop with propagation switched off: what is torn off a payment is a transaction of its own.",
		},
	}
	mux := http.NewServeMux()
	mux.Handle("/", view.New(func() []view.Run { return runs }, view.Options{
		HTTPEndpoint: "http://" + d.receiver.HTTPAddr(), GRPCEndpoint: "http://" + d.receiver.GRPCAddr(),
	}))
	mux.Handle("GET /"+heapPath, &d.heap)
	return mux
}

// torn reports whether a trace is less than a payment: what was torn off one, or what is left of it. A whole
// one has at least a span a hop.
func torn(s *store.Summary) bool { return s.Spans < len(shop.Hops()) }

// URL is where the page is.
func (d *Demo) URL() string { return d.page.URL() }

// Close ends the page and the receiver.
func (d *Demo) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	err := errors.Join(d.page.Close(ctx), d.receiver.Close(ctx))
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // a browser held on to its connection
	}
	return errors.Join(err, os.RemoveAll(d.scratch))
}

// Run makes both runs and judges them. When ctx ends before, it answers with what was measured so far.
func (d *Demo) Run(ctx context.Context) (*Report, error) {
	fleet := newFleet(ctx, d.opts.Command, d.receiver.HTTPAddr(), d.receiver.GRPCAddr())
	fleet.scratch = d.scratch
	defer fleet.kill()
	redis, err := fleet.startRedis(ctx)
	if err != nil {
		return nil, err
	}
	d.opts.Story.opened(d, redis)
	e := &evidence{page: d.URL(), redis: redis.ready}
	began := time.Now()
	e.with, err = d.runShop(ctx, fleet, redis, d.runs[0], d.opts.For*2/3)
	if err != nil {
		return nil, err
	}
	if err := d.heap.show(e.with.heap); err != nil {
		return nil, err
	}
	if ctx.Err() == nil {
		rest := max(d.opts.For-time.Since(began)+e.with.aside, time.Second)
		e.without, err = d.runShop(ctx, fleet, redis, d.runs[1], rest)
		if err != nil {
			return nil, err
		}
	}
	if ctx.Err() == nil && d.opts.For >= MinForSpike {
		if e.spike, err = d.runSpike(ctx, fleet, redis); err != nil {
			return nil, err
		}
	}
	if err := fleet.stop(); err != nil {
		return nil, err
	}
	e.interrupted = ctx.Err() != nil
	report := e.report(context.WithoutCancel(ctx))
	d.opts.Story.judged()
	return report, nil
}

// runShop starts the shop, sends it payments for a time, ends it, and judges the spans that came.
func (d *Demo) runShop(ctx context.Context, fleet *fleet, redis *service, r run, last time.Duration) (*outcome, error) {
	branch, err := fleet.startShop(ctx, r, redis)
	if err != nil {
		return nil, err
	}
	d.opts.Story.running(r, branch, last)
	l := load{url: branch[shop.Gateway].url(), prefix: r.name, rate: d.opts.Rate, last: last}
	o := &outcome{run: r, pids: branch.pids(), cards: l.cards()}
	unwatch := watchLedger(ctx, branch[shop.Ledger], last)
	o.sent = l.run(ctx, fleet.alive, d.opts.Story.sent)
	o.heap, o.watched = unwatch(), len(o.sent)
	d.opts.Story.ran(len(o.sent))
	if r.script && ctx.Err() == nil {
		d.runScript(ctx, fleet, branch, redis, o)
	}
	if err := context.Cause(fleet.alive); err != nil {
		return nil, err
	}
	if err := branch.stop(); err != nil {
		return nil, err
	}
	if len(o.sent) == 0 {
		return nil, fmt.Errorf("no payment was sent: %w", context.Cause(ctx))
	}
	spans := d.spans.of(r)
	if gone := spans.Stats().EvictedSpans; gone > 0 {
		return nil, fmt.Errorf("%d spans did not fit into memory: lower --rate or --for", gone)
	}
	o.traces = tracesOf(spans, r.id)
	o.verdict = Judge(o.sent, o.traces, shop.Hops())
	if o.logged, err = readLog(context.WithoutCancel(ctx), d.opts.Command[0], fleet.logOf(r), o.example()); err != nil {
		return nil, err
	}
	o.booked, err = booked(context.WithoutCancel(ctx), redis.ready.Addr, fleet.password, r.name)
	return o, err
}
