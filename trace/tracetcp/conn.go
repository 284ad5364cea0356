package tracetcp

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Conn is a client's connection: it sends telegrams and waits for their answers, one after the other. It
// is safe for concurrent use; calls wait for one another.
type Conn struct {
	t        *Tracer
	conn     net.Conn
	mu       chan struct{} // holds one token; a channel, so that waiting heeds the context
	r        *bufio.Reader
	preamble bool
	broken   error
	close    sync.Once
}

// Client returns the client's side of c, which it owns from now on.
func (t *Tracer) Client(c net.Conn) *Conn {
	conn := &Conn{t: t, conn: c, mu: make(chan struct{}, 1), r: bufio.NewReader(c)}
	conn.mu <- struct{}{}
	return conn
}

// EnablePreamble has all telegrams from now on carry their trace. It must only be called if the server is
// known to understand the preamble: another one would take it for a telegram.
func (c *Conn) EnablePreamble() {
	<-c.mu
	c.preamble = true
	c.mu <- struct{}{}
}

// Call sends a telegram and returns the answer, as one client span under that of ctx. After an error, a
// context that ended included, the connection is of no more use, because an answer may still come: close
// it and dial another.
func (c *Conn) Call(ctx context.Context, telegram []byte) (answer []byte, err error) {
	err = c.exchange(ctx, telegram, func() (err error) {
		answer, err = c.t.cfg.Framing.read(c.r)
		return unexpected(err)
	})
	return answer, err
}

// Send sends a telegram that has no answer, as one client span under that of ctx.
func (c *Conn) Send(ctx context.Context, telegram []byte) error {
	return c.exchange(ctx, telegram, func() error { return nil })
}

func (c *Conn) exchange(ctx context.Context, telegram []byte, answer func() error) (err error) {
	fields := Fields{}
	r := c.t.request(oteltrace.SpanKindClient, telegram, c.conn.RemoteAddr())
	r.Headers = fields
	ctx, p := c.t.client.Begin(ctx, r)
	defer func() { p.End(err) }()
	defer p.EndOnPanic() // it runs first
	select {
	case <-c.mu:
		defer func() { c.mu <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.broken != nil {
		return c.broken
	}
	var b []byte
	if c.preamble {
		b = AppendPreamble(b, fields)
	}
	if b, err = c.t.cfg.Framing.append(b, telegram); err != nil {
		return err // nothing has been sent
	}
	err = within(ctx, c.conn, func() error {
		if _, err := c.conn.Write(b); err != nil {
			return err
		}
		return answer()
	})
	if err != nil {
		c.broken = errors.Join(net.ErrClosed, err)
	}
	return err
}

// within does f until ctx ends: then what waits on conn fails, and the error is the context's.
func within(ctx context.Context, conn net.Conn, f func() error) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0))
		close(stopped)
	})
	err := f()
	if !stop() {
		<-stopped
		if err != nil {
			return ctx.Err()
		}
		_ = conn.SetDeadline(time.Time{}) // it was just in time
	}
	return err
}

// Close closes the connection. A call that waits for its answer fails.
func (c *Conn) Close() (err error) {
	c.close.Do(func() { err = c.conn.Close() })
	return err
}
