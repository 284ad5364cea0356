package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/clewhq/clew/internal/cli"
	"github.com/clewhq/clew/internal/otlprecv"
	"github.com/clewhq/clew/internal/store"
	"github.com/clewhq/clew/internal/view"
)

// closeWithin is how long requests under way are waited for at the end.
const closeWithin = 5 * time.Second

type viewOptions struct {
	addr     string
	otlpHTTP string
	otlpGRPC string
	hosts    []string
	maxSpans int
	maxBytes int64
}

func viewCommand(s cli.Streams) *cobra.Command {
	var o viewOptions
	c := &cobra.Command{
		Use:   "view",
		Short: "Receive traces and show them on a page",
		Long: `view receives spans from any program with an OpenTelemetry SDK and shows them on
a page: the newest transactions, and of each its call tree. It keeps them in
memory and forgets the oldest when there are too many; nothing leaves this
machine. It ends at SIGINT.`,
		Example: `  clew view
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 ./your-service`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			talk := s.Err
			if c.Flags().Changed("quiet") {
				talk = io.Discard
			}
			return runView(c.Context(), talk, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:7070", "serve the page at `host:port`; port 0 takes a free one")
	f.StringVar(&o.otlpHTTP, "otlp-http", "127.0.0.1:4318", "receive OTLP/HTTP at `host:port`, or off")
	f.StringVar(&o.otlpGRPC, "otlp-grpc", "127.0.0.1:4317", "receive OTLP/gRPC at `host:port`, or off")
	f.StringSliceVar(&o.hosts, "host", nil, "serve the page under this `name` too, beside localhost and IP addresses")
	f.IntVar(&o.maxSpans, "max-spans", store.DefaultMaxSpans, "keep up to `n` spans")
	f.Int64Var(&o.maxBytes, "max-bytes", store.DefaultMaxBytes, "keep up to about `n` bytes of spans")
	return c
}

func runView(ctx context.Context, talk io.Writer, o viewOptions) (err error) {
	if o.maxSpans < 1 || o.maxBytes < 1 {
		return cli.Usagef("--max-spans and --max-bytes take a number above 0")
	}
	if o.otlpHTTP == otlprecv.Off && o.otlpGRPC == otlprecv.Off {
		return cli.Usagef("--otlp-http and --otlp-grpc are both off: nothing could be received")
	}
	spans := store.NewMemory(o.maxSpans, store.WithMaxBytes(o.maxBytes))
	recv, err := otlprecv.Listen(spans, otlprecv.Options{HTTPAddr: o.otlpHTTP, GRPCAddr: o.otlpGRPC})
	if err != nil {
		return fmt.Errorf("%w (--otlp-http, --otlp-grpc)", err)
	}
	defer func() { err = errors.Join(err, closeSoon(recv.Close)) }()
	page := view.New(view.Single(spans), view.Options{
		Hosts:        o.hosts,
		HTTPEndpoint: endpoint(recv.HTTPAddr()), GRPCEndpoint: endpoint(recv.GRPCAddr()),
		Status: func() []string { return received(recv.Stats()) },
	})
	server, err := view.Listen(o.addr, false, page)
	if err != nil {
		return fmt.Errorf("%w (--addr)", err)
	}
	defer func() { err = errors.Join(err, closeSoon(server.Close)) }()
	announce(talk, recv, server)
	<-ctx.Done()
	return nil
}

// received says in words what has come.
func received(s otlprecv.Stats) []string {
	lines := []string{fmt.Sprintf("spans received: %d in requests: %d", s.Spans, s.Requests)}
	if s.Refused > 0 || s.Rejected > 0 {
		lines = append(lines, fmt.Sprintf("requests refused: %d, spans rejected: %d", s.Refused, s.Rejected))
	}
	return lines
}

// closeSoon closes something, cutting off what does not end by itself: that is
// no failure of a program told to stop.
func closeSoon(closer func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	if err := closer(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// announce tells where things are and what a sender has to be told.
func announce(w io.Writer, recv *otlprecv.Receiver, page *view.Server) {
	fmt.Fprintf(w, "page: http://%s/\n", reachable(page.Addr()))
	fmt.Fprintln(w, "give the programs to be watched:")
	fmt.Fprintln(w, "  OTEL_TRACES_EXPORTER=otlp")
	http, grpc := recv.HTTPAddr(), recv.GRPCAddr()
	if http != "" {
		fmt.Fprintf(w, "  OTEL_EXPORTER_OTLP_ENDPOINT=%s OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n", endpoint(http))
	}
	if grpc != "" {
		or := ""
		if http != "" {
			or = "or: "
		}
		fmt.Fprintf(w, "  %sOTEL_EXPORTER_OTLP_ENDPOINT=%s OTEL_EXPORTER_OTLP_PROTOCOL=grpc\n", or, endpoint(grpc))
	}
	for _, addr := range []string{page.Addr(), http, grpc} {
		if addr != "" && !loopback(addr) {
			fmt.Fprintf(w, "warning: %s can be reached from other machines, without a password\n", addr)
		}
	}
}

// endpoint is the URL of a receiver's address, empty for none.
func endpoint(addr string) string {
	if addr == "" {
		return ""
	}
	return "http://" + reachable(addr)
}

// reachable is addr as somebody at this machine can reach it: what listens at
// all of the machine's addresses is also at loopback.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
