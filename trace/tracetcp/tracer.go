package tracetcp

import (
	"context"
	"net"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/clewhq/clew/trace"
)

// Config says how a protocol is spoken. The zero value works.
type Config struct {
	Framing Framing
	// Name returns the name of a telegram's span: its type, such as "0200", not what is in it. It is a
	// time series' name, too, so there must not be many. nil: all are called "telegram".
	Name func(telegram []byte) string
	// Strict makes a preamble that cannot be used an error of the connection. Otherwise the telegram is
	// served as one without, and counted in clew.trace.malformed_preambles.
	Strict bool
	// MaxPreamble bounds the fields of a preamble that is read, in bytes. 0: [MaxPreamble].
	MaxPreamble int
}

// Tracer makes the spans of a protocol's telegrams. It is safe for concurrent use.
type Tracer struct {
	cfg       Config
	server    *trace.Door
	client    *trace.Door
	malformed metric.Int64Counter // nil: not wanted
}

// New returns a Tracer, or an error that names what is wrong with cfg. The metrics are
// clew.tcp.server.duration and clew.tcp.client.duration: there are no conventions for telegrams.
func New(cfg Config, opts ...trace.Option) (*Tracer, error) {
	if err := cfg.Framing.check(); err != nil {
		return nil, err
	}
	if cfg.MaxPreamble <= 0 {
		cfg.MaxPreamble = MaxPreamble
	}
	t := &Tracer{
		cfg:    cfg,
		server: trace.NewDoor("clew.tcp.server.duration", opts...),
		client: trace.NewDoor("clew.tcp.client.duration", opts...),
	}
	if m := t.server.Meter(); m != nil {
		made, err := m.Int64Counter("clew.trace.malformed_preambles", metric.WithUnit("{telegram}"),
			metric.WithDescription("Telegrams whose trace preamble was ignored, because it is malformed, too long or of another version."))
		if err == nil {
			t.malformed = made
		}
	}
	return t, nil
}

func (t *Tracer) ignored(e *preambleError) {
	if t.malformed != nil {
		t.malformed.Add(context.Background(), 1, metric.WithAttributes(attribute.String("clew.reason", e.reason)))
	}
}

// name is the span's. Config.Name is the user's, and reads what a stranger sent.
func (t *Tracer) name(telegram []byte) (name string) {
	name = "telegram"
	if t.cfg.Name == nil {
		return name
	}
	defer func() { _ = recover() }()
	if s := t.cfg.Name(telegram); s != "" {
		name = s
	}
	return name
}

func (t *Tracer) request(kind oteltrace.SpanKind, telegram []byte, peer net.Addr) trace.Request {
	name := t.name(telegram)
	r := trace.Request{
		Name: name, Kind: kind,
		Series: []attribute.KeyValue{semconv.NetworkTransportTCP, attribute.String("clew.telegram.type", name)},
	}
	if a, ok := peer.(*net.TCPAddr); ok {
		r.Attributes = []attribute.KeyValue{semconv.NetworkPeerAddress(a.IP.String()), semconv.NetworkPeerPort(a.Port)}
	}
	return r
}
