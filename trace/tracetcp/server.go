package tracetcp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Handler serves a telegram. A nil answer is none. With an error the span is a failed one; an answer that
// comes with it is sent, without one the connection ends.
type Handler func(ctx context.Context, telegram []byte) (answer []byte, err error)

// Serve serves the telegrams of c, each as one server span, until the client closes the connection, which
// is no error, or ctx ends. The span's parent is the caller's that the preamble tells, if there is one. It
// closes c. What the handler panics with goes on.
func (t *Tracer) Serve(ctx context.Context, c net.Conn, h Handler) error {
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	r := bufio.NewReader(c)
	for {
		fields, err := t.next(r)
		var telegram []byte
		if err == nil {
			telegram, err = t.cfg.Framing.read(r)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF) && len(fields) == 0:
			return nil
		case err != nil:
			return fmt.Errorf("read telegram: %w", unexpected(err))
		}
		if err := t.serve(ctx, c, h, fields, telegram); err != nil {
			return err
		}
	}
}

// next reads the preamble of the next telegram, if it has one.
func (t *Tracer) next(r *bufio.Reader) (Fields, error) {
	fields, err := ReadPreamble(r, t.cfg.MaxPreamble)
	var unusable *preambleError
	if !errors.As(err, &unusable) {
		return fields, err
	}
	t.ignored(unusable)
	if t.cfg.Strict {
		return nil, err
	}
	return nil, nil
}

func (t *Tracer) serve(ctx context.Context, c net.Conn, h Handler, fields Fields, telegram []byte) error {
	r := t.request(oteltrace.SpanKindServer, telegram, c.RemoteAddr())
	if len(fields) > 0 {
		r.Headers = fields
	}
	ctx, p := t.server.Begin(ctx, r)
	defer p.EndOnPanic()
	answer, err := h(ctx, telegram)
	p.End(err)
	if answer == nil {
		return err
	}
	b, err := t.cfg.Framing.append(nil, answer)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	if _, err := c.Write(b); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
