package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/clewhq/clew/zscore/alert"
	"github.com/clewhq/clew/zscore/config"
	"github.com/clewhq/clew/zscore/notify"
	"github.com/clewhq/clew/zscore/source"
	"github.com/clewhq/clew/zscore/state"
)

const (
	tickEvery = time.Second
	// retryInput is after how long an input that cannot start is started again.
	retryInput = 10 * time.Second
	// snapshotShare bounds the time spent on snapshots: one follows after at least
	// so many times what the one before took.
	snapshotShare = 20
)

// Options say how a daemon runs.
type Options struct {
	// Load answers the configuration, at the start and at each reload.
	Load func() (*config.Config, error)
	Log  *slog.Logger
	// Out takes the messages for receivers of the kind stdout.
	Out io.Writer
	// Reload has the configuration loaded anew. What is wrong with it is logged,
	// and the one in force stays.
	Reload <-chan struct{}
	// Ready is told the address of the page once everything runs. It may be nil.
	Ready func(addr string)
}

// Daemon is a daemon that runs.
type daemon struct {
	Options

	config  *config.Config
	db      *state.DB
	book    *alert.Book
	watcher *watcher
	client  *http.Client
	outLock sync.Mutex
	started time.Time

	mu    sync.Mutex
	ready bool
	note  string // why the last reload was refused
}

// Run runs a daemon until ctx is done, and then ends it in order: no message
// under way is cut off, and the baselines are kept.
func Run(ctx context.Context, o Options) (err error) {
	c, err := o.Load()
	if err != nil {
		return err
	}
	d := &daemon{Options: o, config: c, client: notify.NewClient(), started: time.Now()}
	defer d.client.CloseIdleConnections()
	if d.db, err = state.Open(c.State.Dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.db.Close()) }()
	if d.book, err = alert.Open(d.db, c.Alerts, o.Log); err != nil {
		return err
	}
	restored, err := readBaselines(c.State.Dir)
	if err != nil {
		o.Log.Warn("some baselines could not be read: they are learnt anew", "error", err)
	}
	if d.watcher, err = newWatcher(c, d.book, restored, o.Log, time.Now); err != nil {
		return err
	}
	server, err := d.serve(c.Listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	return d.run(ctx, server.addr)
}

// run keeps generations going: one from each load of the configuration to the next.
func (d *daemon) run(ctx context.Context, addr string) error {
	background, stop := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop()
	tasks.Go(func() { d.tick(background) })
	tasks.Go(func() { d.keepBaselines(background) })
	for first := true; ; first = false {
		again, err := d.generation(ctx, first, addr)
		if err != nil || !again {
			_, snapErr := d.watcher.snapshot(d.config.State.Dir)
			return errors.Join(err, snapErr)
		}
	}
}

// generation runs inputs and senders until a new configuration is to replace this
// one, which again says, or ctx is done.
func (d *daemon) generation(ctx context.Context, first bool, addr string) (again bool, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer stop(nil)
	for _, in := range d.config.Inputs {
		tasks.Go(func() { d.input(ctx, in, first, stop) })
	}
	for _, r := range d.config.Receivers {
		to := r.Build(config.Building{
			Client: d.client, Style: notify.Style{Zone: d.config.Zone, Page: d.config.Page}, Receipts: d.db, Out: d.Out, OutLock: &d.outLock,
		})
		tasks.Go(func() { notify.Deliver(ctx, d.book, r.Name, to, r.Pace) })
	}
	if d.config.Heartbeat.Receiver != "" {
		tasks.Go(func() { d.heartbeat(ctx) })
	}
	d.setReady(true)
	if first && d.Ready != nil {
		d.Ready(addr)
	}
	for {
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				return false, cause
			}
			return false, nil
		case <-d.Reload:
			if next := d.load(); next != nil {
				d.setReady(false)
				stop(nil)
				tasks.Wait()
				return true, d.adopt(next)
			}
		}
	}
}

// load answers the new configuration, or nil when it has faults.
func (d *daemon) load() *config.Config {
	next, err := d.Load()
	if err == nil && (next.State.Dir != d.config.State.Dir || next.Listen != d.config.Listen) {
		err = errors.New("state.dir and listen are those of the start: restart to change them")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.note = ""; err != nil {
		d.note = err.Error()
		d.Log.Error("the new configuration is refused, the old one stays in force", "error", err)
		return nil
	}
	return next
}

// currentConfig is the one in force, for those who look from outside.
func (d *daemon) currentConfig() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

func (d *daemon) adopt(next *config.Config) error {
	d.mu.Lock()
	d.config = next
	d.mu.Unlock()
	d.book.Configure(next.Alerts)
	if err := d.watcher.configure(next); err != nil {
		return err
	}
	d.Log.Info("configuration reloaded", "rules", len(next.Rules), "inputs", len(next.Inputs))
	return nil
}

// input runs an input. One that cannot start ends a daemon that has just been
// started; later, it is tried again.
func (d *daemon) input(ctx context.Context, in source.Input, first bool, stop context.CancelCauseFunc) {
	for {
		err := in.Run(ctx, d.watcher.take)
		if err == nil || ctx.Err() != nil {
			return
		}
		if first {
			stop(fmt.Errorf("%s: %w", in.Name(), err))
			return
		}
		_ = d.watcher.take(ctx, source.Batch{Input: in.Name(), Err: err}) // it never fails
		pause(ctx, retryInput)
	}
}

func pause(ctx context.Context, t time.Duration) {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// tick has time pass for the watcher and the book.
func (d *daemon) tick(ctx context.Context) {
	ticks := time.NewTicker(tickEvery)
	defer ticks.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		d.watcher.tick()
		if n%60 == 0 {
			d.watcher.orphans(time.Now())
		}
		d.book.Tick(time.Now())
	}
}

// keepBaselines writes a snapshot now and then, and says when it begins to fail.
func (d *daemon) keepBaselines(ctx context.Context) {
	failing := false
	wait := d.currentConfig().State.Snapshot
	for pause(ctx, wait); ctx.Err() == nil; pause(ctx, wait) {
		keep := d.currentConfig().State
		took, err := d.watcher.snapshot(keep.Dir)
		if (err != nil) != failing {
			failing = err != nil
			d.Log.Warn("baselines", "kept", !failing, "error", err)
		}
		wait = max(keep.Snapshot, snapshotShare*took)
	}
}

// heartbeat says now and then that all is well, so that its absence says the opposite.
func (d *daemon) heartbeat(ctx context.Context) {
	for h := d.config.Heartbeat; ; {
		pause(ctx, h.Every)
		if ctx.Err() != nil {
			return
		}
		open := 0
		for _, i := range d.book.Incidents() {
			if i.Open() {
				open++
			}
		}
		d.book.Note(time.Now(), h.Receiver, fmt.Sprintf("spikewatch is alive: %d series watched, %d alerts open", d.watcher.count(), open))
	}
}

func (d *daemon) setReady(ready bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ready = ready
}

// count is how many series there are.
func (w *watcher) count() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.rules {
		n += len(r.series)
	}
	return n
}
