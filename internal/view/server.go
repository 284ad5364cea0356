package view

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/clewhq/clew/internal/listen"
)

// Server serves a handler to a browser at this machine.
type Server struct {
	addr   string
	http   *http.Server
	served chan error
}

// Listen serves h at addr, a host:port, or where that port is in use and orFree
// is set at a free one of the same host. It listens when Listen returns; the
// caller ends it with [Server.Close].
func Listen(addr string, orFree bool, h http.Handler) (*Server, error) {
	l, err := listen.TCP(addr, orFree)
	if err != nil {
		return nil, fmt.Errorf("listen for the page: %w", err)
	}
	s := &Server{
		addr: l.Addr().String(),
		http: &http.Server{
			Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		},
		served: make(chan error, 1),
	}
	go func() { s.served <- s.http.Serve(l) }()
	return s, nil
}

// Addr is the host:port the page is served at.
func (s *Server) Addr() string { return s.addr }

// URL is the page's address.
func (s *Server) URL() string { return "http://" + s.addr + "/" }

// Close stops listening and waits until the requests under way are answered,
// or cuts them off when ctx ends. It is called once.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if serveErr := <-s.served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
