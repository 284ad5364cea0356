package shop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/clewhq/clew/trace"
	"github.com/clewhq/clew/trace/setup"
)

// Config is what a service is told when it is started.
type Config struct {
	Name        string      // Gateway, Order, Payment, Ledger or Redis
	Run         string      // the run it belongs to: part of its Redis keys
	Next        string      // base URL of the service it calls
	Redis       string      // host:port of the shop's Redis, whose password is in RedisPassword
	Propagation Propagation // with clew or without
	Requests    string      // directory of the request log; empty for none
	// Scratch is a directory of whoever starts the services. One that is abandoned takes it away, because
	// nobody else will. Empty for none.
	Scratch string
}

// Ready is the line of JSON that a service writes once it serves.
type Ready struct {
	Addr string `json:"addr"` // host:port
	Note string `json:"note,omitempty"`
	// RedisPID is the process of the system's redis-server, where there is one.
	RedisPID int `json:"redis_pid,omitempty"`
}

// Stop is the line on a service's standard input that asks it to finish its work, hand over its spans and
// end. End of file there means that whoever started it is gone: the service then ends at once, as it does on
// a signal.
const Stop = "stop"

// stopTime bounds the orderly end of a service.
const stopTime = 10 * time.Second

// errStop is the cause of an orderly end, errAbandoned that of a service whose starter is gone.
var (
	errStop      = errors.New("asked to stop")
	errAbandoned = errors.New("the process that started this service is gone")
)

// service is the part of a process that differs from service to service.
type service interface {
	routes(mux *http.ServeMux)
	close() // waits for the work that has left its requests
}

// Serve runs one service until in says [Stop] or ctx ends. It writes a [Ready] line to out.
func Serve(ctx context.Context, cfg Config, in io.Reader, out *bufio.Writer, log io.Writer) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go heed(in, cancel)
	defer func() {
		if cause := context.Cause(ctx); cfg.Scratch != "" && cause != nil && !errors.Is(cause, errStop) {
			err = errors.Join(err, os.RemoveAll(cfg.Scratch))
		}
	}()
	if cfg.Name == Redis {
		return serveRedis(ctx, out, log)
	}
	return serveHTTP(ctx, cfg, out, log)
}

// heed cancels with errStop when in asks for an orderly end, with errAbandoned when in ends.
func heed(in io.Reader, cancel context.CancelCauseFunc) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() == Stop {
			cancel(errStop)
			return
		}
	}
	cancel(errAbandoned)
}

// serveHTTP runs one of the four services.
func serveHTTP(ctx context.Context, cfg Config, out *bufio.Writer, log io.Writer) (err error) {
	flush, err := setup.Init(context.WithoutCancel(ctx)) // it has spans to send after ctx has ended
	if err != nil {
		return err
	}
	defer func() {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStop) {
			return // nobody waits for the spans
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		err = errors.Join(err, flush(ctx))
	}()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }() // the server has closed it, unless there was none
	svc, err := newService(cfg, "http://"+ln.Addr().String(), log)
	if err != nil {
		return err
	}
	requests, err := openRequests(ctx, cfg.Requests)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, requests.close()) }()
	mux := http.NewServeMux()
	svc.routes(mux)
	server := &http.Server{Handler: withProfiles(trace.Handler(mux, requests.option()), mux), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	if err := say(out, Ready{Addr: ln.Addr().String()}); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	if cause := context.Cause(ctx); !errors.Is(cause, errStop) {
		return cause
	}
	over, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := server.Shutdown(over); err != nil {
		return fmt.Errorf("finish the requests: %w", err)
	}
	svc.close()
	return nil
}

// newService makes the service that cfg names; self is its own base URL.
func newService(cfg Config, self string, log io.Writer) (service, error) {
	switch cfg.Name {
	case Gateway:
		return &gateway{orders: cfg.Next, client: newClient()}, nil
	case Order:
		return newOrder(cfg.Propagation, cfg.Next), nil
	case Payment:
		return &payment{
			carry: cfg.Propagation, run: cfg.Run, self: self, ledger: cfg.Next,
			client: newClient(), redis: newRedis(cfg.Redis, cfg.Propagation), waiting: map[string]func(reply){},
		}, nil
	case Ledger:
		l := &ledger{
			carry: cfg.Propagation, run: cfg.Run, client: newClient(), redis: newRedis(cfg.Redis, cfg.Propagation),
			queue:  make(chan entry, 256),
			cache:  statements{byCard: map[string][]byte{}},
			failed: func(err error) { fmt.Fprintln(log, "reply to a booking:", err) },
		}
		l.start(4)
		return l, nil
	}
	return nil, fmt.Errorf("service %q: want %s, %s, %s, %s or %s", cfg.Name, Gateway, Order, Payment, Ledger, Redis)
}

// say writes the line that the starter waits for.
func say(out *bufio.Writer, r Ready) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, _ = out.Write(append(line, '\n')) // its error comes back from Flush
	if err := out.Flush(); err != nil {
		return fmt.Errorf("say that the service is ready: %w", err)
	}
	return nil
}
