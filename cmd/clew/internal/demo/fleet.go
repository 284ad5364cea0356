package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/clewhq/clew/cmd/clew/internal/shop"
)

// fleet is a set of services that stand and fall together.
type fleet struct {
	command  []string // what runs a service: this program and its hidden verb
	otlpHTTP string   // host:port of the receiver
	otlpGRPC string
	scratch  string // directory for files
	password string // of the shop's Redis

	services []*service
	alive    context.Context // ends, with the cause, when a service does that was not asked to
	fall     context.CancelCauseFunc
}

func newFleet(ctx context.Context, command []string, otlpHTTP, otlpGRPC string) *fleet {
	f := &fleet{command: command, otlpHTTP: otlpHTTP, otlpGRPC: otlpGRPC, password: rand.Text()}
	// An interrupt must not cut off payments that are under way.
	f.alive, f.fall = context.WithCancelCause(context.WithoutCancel(ctx))
	return f
}

// start starts a service and watches it from then on.
func (f *fleet) start(ctx context.Context, name string, env []string, args ...string) (*service, error) {
	argv := append(append([]string{}, f.command...), name, "--scratch", f.scratch)
	s, err := startService(ctx, name, append(argv, args...), append(f.environ(), env...))
	if err != nil {
		return nil, err
	}
	f.services = append(f.services, s)
	go func() {
		<-s.proc.Ended()
		if !s.over.Load() {
			f.fall(s.died())
		}
	}()
	return s, nil
}

// logOf is the directory of the gateway's request log of a run.
func (f *fleet) logOf(r run) string { return filepath.Join(f.scratch, "requests-"+r.name) }

// startRedis starts the shop's Redis.
func (f *fleet) startRedis(ctx context.Context) (*service, error) {
	return f.start(ctx, shop.Redis, nil)
}

// branch is the shop of one run: its four services by name.
type branch map[string]*service

// startShop starts the services of a run, each one after the one that it calls.
func (f *fleet) startShop(ctx context.Context, r run, redis *service) (branch, error) {
	b := branch{}
	next := ""
	for _, name := range []string{shop.Ledger, shop.Payment, shop.Order, shop.Gateway} {
		env := f.telemetry(name, r)
		if name == shop.Ledger {
			env = append(env, withSampleRate(os.Environ()))
		}
		args := []string{"--run", r.name, "--propagation", r.propagation, "--next", next, "--redis", redis.ready.Addr}
		if name == shop.Gateway {
			args = append(args, "--requests", f.logOf(r))
		}
		s, err := f.start(ctx, name, env, args...)
		if err != nil {
			return nil, err
		}
		b[name], next = s, s.url()
	}
	return b, nil
}

// stop ends the services; all their spans have arrived then. The payment service is the last to end,
// because the ledger's last replies go to it.
func (b branch) stop() error {
	for _, name := range []string{shop.Gateway, shop.Order, shop.Ledger, shop.Payment} {
		if err := b[name].stop(); err != nil {
			return err
		}
	}
	return nil
}

// pids are the process ids of the services by name.
func (b branch) pids() map[string]int {
	pids := map[string]int{}
	for name, s := range b {
		pids[name] = s.proc.PID()
	}
	return pids
}

// telemetry is the standard environment by which a service knows where its spans go. The ledger uses
// gRPC, the others HTTP: the receiver speaks both.
func (f *fleet) telemetry(name string, run run) []string {
	exporter, protocol, endpoint := "otlp", "http/protobuf", f.otlpHTTP
	if run.silent {
		exporter = "none"
	}
	if name == shop.Ledger {
		protocol, endpoint = "grpc", f.otlpGRPC
	}
	return []string{
		"OTEL_SERVICE_NAME=" + name,
		fmt.Sprintf("OTEL_RESOURCE_ATTRIBUTES=service.namespace=%s,%s=%s", run.namespace, runKey, run.id),
		"OTEL_TRACES_EXPORTER=" + exporter,
		"OTEL_METRICS_EXPORTER=none",
		"OTEL_LOGS_EXPORTER=none",
		"OTEL_TRACES_SAMPLER=always_on",
		"OTEL_PROPAGATORS=tracecontext,baggage",
		"OTEL_EXPORTER_OTLP_PROTOCOL=" + protocol,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + endpoint,
		"OTEL_BSP_SCHEDULE_DELAY=200",
		"OTEL_BSP_MAX_QUEUE_SIZE=16384",
	}
}

// environ is this process's environment without what would send a service's spans elsewhere.
func (f *fleet) environ() []string {
	env := []string{shop.RedisPassword + "=" + f.password}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(strings.ToUpper(kv), "OTEL_") {
			env = append(env, kv)
		}
	}
	return env
}

// stop ends every service that is still there, in order.
func (f *fleet) stop() error {
	var errs []error
	for _, s := range f.services {
		errs = append(errs, s.stop())
	}
	f.fall(nil)
	return errors.Join(errs...)
}

// kill ends every service at once and waits until all are gone.
func (f *fleet) kill() {
	for _, s := range f.services {
		s.abandon()
	}
	for _, s := range f.services {
		s.kill()
	}
	f.fall(nil)
}
