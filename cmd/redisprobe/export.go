package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"github.com/clewhq/clew/ebpfprobe"
	"github.com/clewhq/clew/ebpfprobe/report"
	"github.com/clewhq/clew/ebpfprobe/report/prom"
	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/listen"
)

// off is the word for an export that is not wanted.
const off = "off"

// closeWithin is how long what is left may take to be exported at the end.
const closeWithin = 5 * time.Second

func exportCommand(s cli.Streams, b backend) *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Offer what is observed to Prometheus, and send it by OTLP",
		Long: `export observes until SIGINT and offers the figures at http://HOST:PORT/metrics to
Prometheus. With --otlp it also sends metrics and, for every slow request, a span
to an OpenTelemetry collector; where the trace of the request is known (--with
traceids), the span is a child of the client's. Headers, such as for a token, come
from OTEL_EXPORTER_OTLP_HEADERS; OTEL_METRICS_EXPORTER=none sends spans alone.

With --from it sends the slow requests of a recording by OTLP, and ends.`,
		Example: `  redisprobe export --port 6379
  redisprobe export --with traceids --otlp http://127.0.0.1:4318
  redisprobe export --from incident.rec --otlp http://127.0.0.1:4318`,
		Args: cli.NoArgs,
	}
	t := targetFlags(c.Flags())
	e := &exporter{b: b}
	f := c.Flags()
	f.StringVar(&e.addr, "listen", "127.0.0.1:9122", "offer /metrics at `host:port`; port 0 takes a free one; off is none")
	f.StringVar(&e.otlp.url, "otlp", "", "send by OTLP to this `URL`, such as http://127.0.0.1:4318")
	f.StringVar(&e.otlp.protocol, "otlp-protocol", "", "http/protobuf or grpc (default: OTEL_EXPORTER_OTLP_PROTOCOL, else http/protobuf)")
	f.StringVar(&e.from, "from", "", "send what this recording `file` holds, and end")
	e.limit = cli.Duration(f, "export for this `time` (default: until SIGINT)")
	e.every = cli.Every(f, 10*time.Second, "send by OTLP every `time`")
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		if e.cfg, err = t.config(); err != nil {
			return err
		}
		e.log = cli.Logger(c)
		e.cfg.Log = e.log
		if err := e.otlp.check(); err != nil {
			return err
		}
		switch {
		case e.from != "" && !e.otlp.on():
			return cli.Usagef("--from wants --otlp URL: where to send the recording")
		case e.from != "":
			return e.recording(c.Context(), s)
		case e.addr == off && !e.otlp.on():
			return cli.Usagef("--listen is off and there is no --otlp: nothing would be exported")
		}
		return e.run(c.Context())
	}
	return c
}

// exporter is the export verb.
type exporter struct {
	b     backend
	cfg   ebpfprobe.Config
	addr  string
	otlp  otlp
	from  string
	limit *time.Duration
	every *time.Duration
	log   *slog.Logger
}

// run exports what is observed until ctx is done or the time is over.
func (e *exporter) run(ctx context.Context) (err error) {
	p, err := start(ctx, e.b, e.cfg, *e.limit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if e.addr != off {
		stop, err := e.serve(p)
		if err != nil {
			return err
		}
		defer stop()
	}
	sender, err := e.otlp.start(ctx, e.log, p.Report, *e.every)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sender.close()) }()
	_, err = watch(ctx, p, *e.every, *e.limit, func(part *report.Report) error {
		sender.add(part)
		return nil
	})
	return err
}

// serve answers Prometheus until stop is called.
func (e *exporter) serve(p probe) (stop func(), err error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(prom.NewCollector(p.Report)); err != nil {
		return nil, err
	}
	l, err := listen.TCP(e.addr, false)
	if err != nil {
		return nil, fmt.Errorf("%w (--listen)", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true, // exemplars
		ErrorLog:            scrapeLog{e.log},
		MaxRequestsInFlight: 4,
	}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(e.log.Handler(), slog.LevelDebug)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			e.log.Error("serve metrics", "error", err)
		}
	}()
	e.log.Info("metrics", "url", "http://"+reachable(l.Addr())+"/metrics")
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		if server.Shutdown(ctx) != nil { // a scrape that hangs
			_ = server.Close() // it only says that the listener is closed already
		}
		<-done
	}, nil
}

// reachable is addr with a host that a browser on this machine understands.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// scrapeLog says why a scrape has failed.
type scrapeLog struct{ log *slog.Logger }

func (l scrapeLog) Println(v ...any) { l.log.Warn("scrape", "error", fmt.Sprint(v...)) }

// recording sends what a recording holds.
func (e *exporter) recording(ctx context.Context, s cli.Streams) (err error) {
	var total report.Report
	sender, err := e.otlp.start(ctx, e.log, func() (*report.Report, error) { return &total, nil }, time.Hour)
	if err != nil {
		return err
	}
	p := playback{log: e.log}
	err = p.each(s, e.from, func(part *report.Report) error {
		sender.add(part)
		total.Append(part)
		return ctx.Err()
	})
	err = errors.Join(err, sender.close())
	if err == nil {
		e.log.Info("sent", "spans", sender.spans, "servers", len(total.Servers))
	}
	return err
}
