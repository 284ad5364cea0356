package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/clewhq/clew/internal/listen"
)

// serve answers HTTP at addr until ctx is done, and waits for the requests under
// way, five seconds at most.
func serve(ctx context.Context, what, addr string, h http.Handler, listening func(addr string)) error {
	l, err := listen.TCP(addr, false)
	if err != nil {
		return fmt.Errorf("listen for %s: %w", what, err)
	}
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	if listening != nil {
		listening(l.Addr().String())
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", what, err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(grace); err != nil {
		_ = s.Close() // cuts what did not end in time
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", what, err)
	}
	return nil
}
